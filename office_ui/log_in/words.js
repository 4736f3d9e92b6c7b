// What the door says.
import { defineWords } from "../../ui_kit/words.js";

const ru = {
  title: "Вход",
  login: "Имя",
  password: "Пароль",
  main: "Войти",
  busy: "Проверяем",
  empty: "Наберите имя и пароль.",
  "demo.note":
    "Демонстрация. Город и люди вымышлены, пароль у всех «demo». Вход только с этого " +
    "компьютера.",
  "demo.enter": "Войти как {name}",
};

const en = {
  title: "Log in",
  login: "Name",
  password: "Password",
  main: "Log in",
  busy: "Checking",
  empty: "Enter the name and the password.",
  "demo.note":
    "A demonstration. Town and people are invented, everybody's password is “demo”. Only " +
    "from this machine.",
  "demo.enter": "Log in as {name}",
};

export const t = defineWords({ ru, en });
