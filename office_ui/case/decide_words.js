// What can be decided, and what each decision does: written before the click.
import { defineWords } from "../../ui_kit/words.js";

const ru = {
  title: "Что можно сделать",
  "do.post": "Провести",
  "do.assign": "Разнести на другой счёт",
  "do.match": "Это платёж, который у нас есть",
  "do.return": "Вернуть агенту",
  "do.reverse": "Сторнировать",
  "do.accept": "Принять как есть",
  "act.post": "Провести {sum}",
  "act.assign": "Разнести {sum}",
  "act.match": "Сопоставить",
  "act.return": "Вернуть {sum}",
  "act.reverse": "Сторнировать {sum}",
  "act.accept": "Принять",
  "act.propose": "Отправить контролёру",

  "then.post":
    "Счёт {account} получит {sum}. Сейчас {before}, станет {after}. Плательщик увидит это " +
    "сразу.",
  "standing.debt": "долг {sum}",
  "standing.over": "переплата {sum}",
  "standing.zero": "долга нет",
  "then.post.plain": "Счёт {account} получит {sum}.",
  "then.post.duplicate":
    "Это будет второй платёж на {sum}. Проводите, только если человек и правда заплатил " +
    "дважды.",
  "then.post.closed": "Счёт закрыт: пока биллинг не откроет его, провести нельзя.",
  "then.post.suspended": "Приём платежей на счёт приостановлен: пока он закрыт, провести нельзя.",
  "then.assign": "Деньги получит счёт, который вы укажете.",
  "then.assign.found": "Счёт {account}, {holder}, получит {sum}. Сейчас {before}, станет {after}.",
  "then.assign.closed": "Счёт {account} закрыт: выберите другой.",
  "then.assign.unreadable":
    "Сумма или дата в строке не прочитаны, поэтому провести её нельзя: попросите у агента " +
    "исправленный файл.",
  "then.match": "Ничего не зачисляется второй раз: строка связывается с нашим платежом.",
  "then.match.empty": "Похожих платежей на этот счёт нет. Если знаете номер платежа, укажите его.",
  "then.return":
    "{sum} никто не получит: деньги отметятся как возврат, агент вернёт их плательщику.",
  "then.reverse":
    "Со счёта {account} снимут {sum} обратной записью в открытом дне. Деньги плательщику " +
    "возвращает агент.",
  "then.accept.REVERSAL_ASKED":
    "Платёж {sum} останется зачисленным на счёт {account}. Агент получает отказ.",
  "then.accept.SAME_SUM_TWICE":
    "Оба платежа остаются зачисленными на счёт {account}: человек и правда заплатил дважды.",
  "then.accept.SAME_SUM_TWICE.more": "Все эти платежи остаются зачисленными.",
  "then.accept.FAST_TERMINAL":
    "Платежи остаются. Если терминал снова превысит порог, откроется новое дело.",
  "then.accept.FEE_DIFFERS": "Считается так, как говорит этот файл: агент перечислит {sum}.",
  "then.accept.NOT_IN_REGISTRY":
    "Платёж {sum} останется зачисленным на счёт {account}. Деньги за него надо запросить у " +
    "агента.",
  "then.accept.AMOUNT_DIFFERS.more":
    "На счёте останется {ours}. Лишние {sum} перейдут в «{bucket}».",
  "then.accept.AMOUNT_DIFFERS.less":
    "На счёте останется {ours}, хотя агент передаёт на {sum} меньше.",
  "then.accept.ACCOUNT_DIFFERS":
    "Платёж останется на счёте {account}. Счёт в строке считается ошибкой агента.",
  "then.accept.DATE_DIFFERS": "Останется наша дата: {day}. Деньги не двигаются.",
  "then.accept.TOTAL_DIFFERS": "Верными считаются строки: {sum}. Деньги не двигаются.",
  "then.accept.DUPLICATE_LINE": "Повтор не зачисляется: {sum} перейдут в «{bucket}».",
  "then.accept.bucket": "Никто не получит эти {sum}: они перейдут в «{bucket}».",
  "then.accept.nothing":
    "Строка остаётся как есть и в итог реестра не входит. Деньги не двигаются.",
  "then.second": "Сумма больше {limit}: решение вступит в силу, когда его подтвердит контролёр.",

  "in.account": "Счёт",
  "in.account.hint": "Номер с квитанции",
  "in.account.none": "Такого счёта нет",
  "in.account.like": "Похожие счета",
  "in.payment": "Наш номер платежа",
  "in.bucket": "Куда отнести",
  "in.reason": "Причина",
  "in.reason.hint": "Например: письмо банка от 24.11, исх. 118",
  "in.reason.need": "Напишите причину: её увидит проверяющий.",
  "in.account.need": "Укажите счёт, на который разнести.",
  "in.payment.need": "Выберите платёж.",
  "match.payment": "{payment}, счёт {account}, {time}",
  "refused.title": "Не выполнено",
  "unclear.title": "Ответ не получен",
  "unclear.text": "Мы не знаем, выполнено ли решение. Повторите его: дважды оно не сработает.",

  "wait.title": "Решение ждёт контролёра: {action}",
  "wait.by": "Предлагает {person}. Причина: {reason}",
  "wait.confirm": "Подтвердить: {action}",
  "wait.reject": "Отклонить",
  "wait.reason": "Почему отклоняете",
  "wait.why": "Почему отзываете",
  "wait.own": "Подтвердить может только контролёр и не тот, кто предложил.",
  "wait.withdraw": "Отозвать своё решение",
  "claimed.title": "Решение не завершено: {action}",
  "claimed.text":
    "Связь прервалась на середине. Повторите то же решение, чтобы завершить его: дважды оно " +
    "не сработает.",
  readonly: "Решать могут бухгалтеры. Вы видите дело целиком.",
};

const en = {
  title: "What can be done",
  "do.post": "Post it",
  "do.assign": "Assign to another account",
  "do.match": "It is a payment that we have",
  "do.return": "Return to the agent",
  "do.reverse": "Reverse it",
  "do.accept": "Accept as it is",
  "act.post": "Post {sum}",
  "act.assign": "Assign {sum}",
  "act.match": "Match",
  "act.return": "Return {sum}",
  "act.reverse": "Reverse {sum}",
  "act.accept": "Accept",
  "act.propose": "Send to a controller",

  "then.post":
    "Account {account} gets {sum}. Now it {before}, then it {after}. The payer sees it at " +
    "once.",
  "standing.debt": "owes {sum}",
  "standing.over": "is {sum} ahead",
  "standing.zero": "owes nothing",
  "then.post.plain": "Account {account} gets {sum}.",
  "then.post.duplicate":
    "This will be a second payment of {sum}. Post it only if the person really paid twice.",
  "then.post.closed": "The account is closed: it cannot be posted until billing opens it.",
  "then.post.suspended":
    "Payments to the account are suspended: it cannot be posted until they are allowed.",
  "then.assign": "The account that you name gets the money.",
  "then.assign.found": "Account {account}, {holder}, gets {sum}. Now it {before}, then it {after}.",
  "then.assign.closed": "Account {account} is closed: choose another.",
  "then.assign.unreadable":
    "The line's sum or date is not readable, so it cannot be posted: ask the agent for a " +
    "corrected file.",
  "then.match": "Nothing is credited twice: the line is tied to our payment.",
  "then.match.empty":
    "This account has no similar payments. If you know the payment's number, enter it.",
  "then.return":
    "Nobody gets {sum}: it is marked as returned, and the agent gives it back to the payer.",
  "then.reverse":
    "An opposite entry on an open day takes {sum} off account {account}. The agent gives the " +
    "payer the money back.",
  "then.accept.REVERSAL_ASKED":
    "The payment of {sum} stays on account {account}. The agent is refused.",
  "then.accept.SAME_SUM_TWICE":
    "Both payments stay on account {account}: the person really paid twice.",
  "then.accept.SAME_SUM_TWICE.more": "All these payments stay credited.",
  "then.accept.FAST_TERMINAL":
    "The payments stay. If the terminal goes beyond the bound again, a new case opens.",
  "then.accept.FEE_DIFFERS": "What this file tells counts: the agent passes on {sum}.",
  "then.accept.NOT_IN_REGISTRY":
    "The payment of {sum} stays on account {account}. Its money has to be asked from the " +
    "agent.",
  "then.accept.AMOUNT_DIFFERS.more":
    "{ours} stays on the account. The {sum} beyond it goes to “{bucket}”.",
  "then.accept.AMOUNT_DIFFERS.less":
    "{ours} stays on the account, though the agent passes on {sum} less.",
  "then.accept.ACCOUNT_DIFFERS":
    "The payment stays on account {account}. The line's account counts as the agent's " +
    "mistake.",
  "then.accept.DATE_DIFFERS": "Our date stays: {day}. No money moves.",
  "then.accept.TOTAL_DIFFERS": "The lines count: {sum}. No money moves.",
  "then.accept.DUPLICATE_LINE": "The repeat is not credited: {sum} goes to “{bucket}”.",
  "then.accept.bucket": "Nobody gets this {sum}: it goes to “{bucket}”.",
  "then.accept.nothing": "The line stays as it is, outside the registry's total. No money moves.",
  "then.second":
    "The sum is above {limit}: the decision takes effect when a controller confirms it.",

  "in.account": "Account",
  "in.account.hint": "The number on the bill",
  "in.account.none": "There is no such account",
  "in.account.like": "Similar accounts",
  "in.payment": "Our payment number",
  "in.bucket": "Where it goes",
  "in.reason": "Reason",
  "in.reason.hint": "For instance: the bank's letter of 24.11, no. 118",
  "in.reason.need": "Write a reason: an auditor will read it.",
  "in.account.need": "Name the account that gets the money.",
  "in.payment.need": "Choose a payment.",
  "match.payment": "{payment}, account {account}, {time}",
  "refused.title": "Not done",
  "unclear.title": "No answer",
  "unclear.text": "We cannot tell whether it was done. Repeat it: it never happens twice.",

  "wait.title": "The decision awaits a controller: {action}",
  "wait.by": "{person} proposes it. Reason: {reason}",
  "wait.confirm": "Confirm: {action}",
  "wait.reject": "Reject",
  "wait.reason": "Why you reject it",
  "wait.why": "Why you take it back",
  "wait.own": "Only a controller may confirm it, and not the one who proposed it.",
  "wait.withdraw": "Take my decision back",
  "claimed.title": "The decision is not finished: {action}",
  "claimed.text":
    "The connection broke half-way. Repeat the same decision to finish it: it never happens " +
    "twice.",
  readonly: "Accountants decide. You see the whole case.",
};

export const t = defineWords({ ru, en });
