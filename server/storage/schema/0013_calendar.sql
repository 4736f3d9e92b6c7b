-- Days on which banks work or do not, as the calendars of single years say.

create table ledger.calendar_day (
  day date primary key,
  is_working boolean not null,
  source text not null check (source <> '')
);
comment on table ledger.calendar_day is
  'exceptions from the rule (weekends and public holidays are off), a whole year at a time';
