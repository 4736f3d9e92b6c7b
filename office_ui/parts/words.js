// What several pages say: states, kinds, buckets, decisions, roles.
import { defineWords } from "../../ui_kit/words.js";

const ru = {
  "state.loading": "Загружаем",
  "state.offline": "Нет связи с сервером",
  "state.offline.text": "Ничего не потеряно. Проверьте сеть и попробуйте снова.",
  "state.trouble": "Не получилось",
  "state.trouble.text":
    "Сервер ответил непонятно. Попробуйте снова; если повторится, скажите администратору.",
  "state.again": "Попробовать снова",

  "role.accountant": "бухгалтер",
  "role.controller": "контролёр",
  "role.admin": "администратор",

  "kind.NOT_RECORDED": "Нет у нас",
  "kind.NOT_IN_REGISTRY": "Нет в реестре",
  "kind.AMOUNT_DIFFERS": "Другая сумма",
  "kind.ACCOUNT_DIFFERS": "Другой счёт",
  "kind.DATE_DIFFERS": "Другая дата",
  "kind.UNIDENTIFIED": "Невыясненный",
  "kind.DUPLICATE_LINE": "Повтор строки",
  "kind.BAD_LINE": "Не читается",
  "kind.TOTAL_DIFFERS": "Итог не сходится",
  "kind.CLOSED_ACCOUNT": "Счёт закрыт",
  "kind.REVERSAL_ASKED": "Просят отменить",
  "kind.SAME_SUM_TWICE": "Дважды та же сумма",
  "kind.FAST_TERMINAL": "Слишком быстро",
  "kind.FEE_DIFFERS": "Другая комиссия",

  "case.open": "Открыто",
  "case.assigned": "В работе",
  "case.resolved": "Решено",
  "case.closed": "Закрыто",

  "bucket.posted": "Проведено",
  "bucket.already_online": "Учтено онлайн",
  "bucket.other_recipient": "Другой получатель",
  "bucket.unidentified": "Невыясненные",
  "bucket.returned": "Возврат",
  "bucket.fee": "Комиссия",
  "bucket.rounding": "Округление",
  "bucket.pending": "Ждёт решения",

  "account.active": "действует",
  "account.suspended": "приём приостановлен",
  "account.closed": "закрыт",

  "payment.held": "удержан",
  "payment.credited": "зачислен",
  "payment.cancelled": "отменён",
  "payment.reversed": "сторнирован",
  "payment.expired": "истёк",

  "list.more": "Показать ещё",
  "key.enter": "Enter",
};

const en = {
  "state.loading": "Loading",
  "state.offline": "No connection to the server",
  "state.offline.text": "Nothing is lost. Check the network and try again.",
  "state.trouble": "That did not work",
  "state.trouble.text":
    "The server's answer makes no sense. Try again; if it stays, tell the administrator.",
  "state.again": "Try again",

  "role.accountant": "accountant",
  "role.controller": "controller",
  "role.admin": "administrator",

  "kind.NOT_RECORDED": "Not ours yet",
  "kind.NOT_IN_REGISTRY": "Not in registry",
  "kind.AMOUNT_DIFFERS": "Other sum",
  "kind.ACCOUNT_DIFFERS": "Other account",
  "kind.DATE_DIFFERS": "Other date",
  "kind.UNIDENTIFIED": "Unidentified",
  "kind.DUPLICATE_LINE": "Repeated line",
  "kind.BAD_LINE": "Unreadable",
  "kind.TOTAL_DIFFERS": "Total differs",
  "kind.CLOSED_ACCOUNT": "Closed account",
  "kind.REVERSAL_ASKED": "Reversal asked",
  "kind.SAME_SUM_TWICE": "Same sum twice",
  "kind.FAST_TERMINAL": "Too fast",
  "kind.FEE_DIFFERS": "Other fee",

  "case.open": "Open",
  "case.assigned": "In work",
  "case.resolved": "Resolved",
  "case.closed": "Closed",

  "bucket.posted": "Posted",
  "bucket.already_online": "Recorded online",
  "bucket.other_recipient": "Other recipient",
  "bucket.unidentified": "Unidentified",
  "bucket.returned": "Returned",
  "bucket.fee": "Fee",
  "bucket.rounding": "Rounding",
  "bucket.pending": "Awaits a decision",

  "account.active": "active",
  "account.suspended": "suspended",
  "account.closed": "closed",

  "payment.held": "held",
  "payment.credited": "credited",
  "payment.cancelled": "cancelled",
  "payment.reversed": "reversed",
  "payment.expired": "expired",

  "list.more": "Show more",
  "key.enter": "Enter",
};

export const t = defineWords({ ru, en });
