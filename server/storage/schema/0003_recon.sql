-- Reconciliation: files as received, registries read from them, lines, mismatches, decisions,
-- audit and staff. Money only ever moves from bucket to bucket, so the buckets of a registry always
-- add up to its computed total.

create domain recon.bucket as text collate "C" check (value in ('posted', 'already_online',
  'other_recipient', 'unidentified', 'returned', 'fee', 'rounding', 'pending'));
create domain recon.mismatch_kind as text collate "C" check (value in ('NOT_RECORDED',
  'NOT_IN_REGISTRY', 'AMOUNT_DIFFERS', 'ACCOUNT_DIFFERS', 'DATE_DIFFERS', 'UNIDENTIFIED',
  'DUPLICATE_LINE', 'BAD_LINE', 'TOTAL_DIFFERS', 'CLOSED_ACCOUNT'));

-- A file as it came, once per agent and checksum, in blocks: a file may be larger than a value.
create table recon.files (
  id bigint generated always as identity primary key,
  agent text collate "C" not null references ledger.agents (name),
  sha256 bytea not null check (octet_length(sha256) = 32),
  name text not null,
  size_bytes bigint not null check (size_bytes >= 0),
  received_at timestamptz not null default now(),
  received_by text not null check (received_by <> ''),
  unique (agent, sha256)
);
call ledger.make_append_only('recon.files');

create table recon.file_blocks (
  file bigint not null references recon.files,
  seq integer not null check (seq >= 0),
  content bytea not null,
  primary key (file, seq)
);
alter table recon.file_blocks alter column content set storage external;
call ledger.make_append_only('recon.file_blocks');

-- Why a file was not imported; it may be imported later under other terms.
create table recon.refusals (
  id bigint generated always as identity primary key,
  file bigint not null references recon.files,
  refused_at timestamptz not null default now(),
  refused_to text not null,
  format text not null default '',
  encoding text not null default '',
  message text not null check (message <> ''),
  line integer not null check (line >= 0),
  col integer not null check (col >= 0)
);
create index refusals_file on recon.refusals (file);
call ledger.make_append_only('recon.refusals');

create sequence recon.line_id;

-- Reserves ids that follow one another; setval is outside the transaction, hence the lock.
create function recon.reserve_lines(lines integer) returns bigint language plpgsql as $$
declare
  first bigint;
begin
  perform pg_advisory_lock('recon.lines'::regclass::oid::bigint);
  first := nextval('recon.line_id');
  perform setval('recon.line_id', first + greatest(lines, 1) - 1);
  perform pg_advisory_unlock('recon.lines'::regclass::oid::bigint);
  return first;
end $$;

create table recon.registries (
  id bigint generated always as identity primary key,
  agent text collate "C" not null references ledger.agents (name),
  file bigint not null unique references recon.files,
  format text not null,
  encoding text not null,
  lenient boolean not null,
  number text collate "C" not null default '',
  day date,
  origin text not null default '',
  corrects bigint references recon.registries,
  lines integer not null check (lines >= 0),
  bad_lines integer not null check (bad_lines between 0 and lines),
  carried integer not null default 0 check (carried between 0 and lines),
  first_line bigint not null,
  declared_lines bigint,
  declared_total_kopecks bigint,
  computed_total_kopecks bigint not null,
  matched integer not null check (matched between 0 and lines),
  notes jsonb not null default '[]',
  imported_at timestamptz not null default now(),
  imported_by text not null check (imported_by <> '')
);
create index registries_identity on recon.registries (agent, number, day);
create index registries_corrects on recon.registries (corrects) where corrects is not null;
comment on column recon.registries.corrects is
  'the earlier registry of the same agent, number and date; its lines that are not here are withdrawn';
comment on column recon.registries.lines is 'all rows, bad ones included';
comment on column recon.registries.carried is 'rows that an earlier file told of in the same words';
comment on column recon.registries.matched is 'rows that agree with a recorded payment, at import';
call ledger.make_append_only('recon.registries');

-- The ids of a registry's lines are first_line, first_line + 1, … in the order of the file. There
-- is no foreign key to registries: checking it row by row costs more than the insert; the statement
-- trigger below proves more.
create table recon.lines (
  id bigint primary key,
  registry bigint not null,
  agent text collate "C" not null,
  number integer not null,
  operation text collate "C" not null,
  account text collate "C" not null,
  amount_kopecks bigint,
  paid_on date,
  paid_time time,
  copy integer not null default 1 check (copy >= 1),
  fault text not null default '',
  col integer not null default 0,
  raw text not null default '',
  details jsonb not null default '{}',
  bucket recon.bucket not null,
  same_as bigint,
  payment_id bigint,
  superseded_by bigint,
  check (fault <> '' or (amount_kopecks is not null and paid_on is not null)),
  check (same_as is null or payment_id is null)
);
create index lines_operation on recon.lines (agent, operation);
create index lines_same_as on recon.lines (same_as) where same_as is not null;
create index lines_superseded on recon.lines (superseded_by) where superseded_by is not null;
-- A payment stands in at most one line of an agent.
create unique index lines_payment on recon.lines (agent, payment_id)
  where payment_id is not null and superseded_by is null;
comment on column recon.lines.number is 'line of the file, from 1';
comment on column recon.lines.operation is 'the operation or receipt number, as written';
comment on column recon.lines.copy is 'which one of equal rows of the file';
comment on column recon.lines.same_as is
  'the first line that told of this operation; its bucket and case are this one''s too';
comment on column recon.lines.bucket is 'where the kopecks stood at import; recon.moves has the rest';
comment on column recon.lines.superseded_by is 'the corrected registry that changed or withdrew it';

create function recon.keep_line() returns trigger language plpgsql as $$
begin
  if (old.id, old.registry, old.agent, old.number, old.operation, old.account, old.amount_kopecks,
      old.paid_on, old.paid_time, old.copy, old.fault, old.raw, old.details, old.bucket, old.same_as)
     is distinct from
     (new.id, new.registry, new.agent, new.number, new.operation, new.account, new.amount_kopecks,
      new.paid_on, new.paid_time, new.copy, new.fault, new.raw, new.details, new.bucket, new.same_as)
     or old.superseded_by is not null then
    raise exception 'line % is as the file said; only its payment may be tied', old.id
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger keep_line before update on recon.lines
  for each row execute function recon.keep_line();
create trigger keep_lines before delete on recon.lines
  for each row execute function ledger.refuse_change();
create trigger keep_lines_truncate before truncate on recon.lines
  for each statement execute function ledger.refuse_change();

-- Where a registry's kopecks stood at import: what its lines say, added up once.
create table recon.first_buckets (
  registry bigint not null references recon.registries,
  bucket recon.bucket not null,
  kopecks bigint not null,
  primary key (registry, bucket)
);
call ledger.make_append_only('recon.first_buckets');

-- All lines of a registry come in one statement, and their kopecks are its computed total.
create function recon.lines_added() returns trigger language plpgsql as $$
declare
  wrong bigint;
begin
  select n.registry into wrong
    from (select registry, count(*) as lines, count(*) filter (where fault <> '') as bad,
                 count(same_as) as carried, coalesce(sum(amount_kopecks), 0) as total,
                 min(id) as first, max(id) as last
            from added group by registry) n
    left join recon.registries r on r.id = n.registry
   where r.id is null or n.lines <> r.lines or n.bad <> r.bad_lines or n.carried <> r.carried
      or n.total <> r.computed_total_kopecks
      or n.first <> r.first_line or n.last <> r.first_line + r.lines - 1
   limit 1;
  if wrong is not null then
    raise exception 'the lines of registry % are not what it says', wrong
      using errcode = 'check_violation';
  end if;
  insert into recon.first_buckets (registry, bucket, kopecks)
  select registry, bucket, sum(amount_kopecks) from added
   where amount_kopecks is not null group by registry, bucket;
  return null;
end $$;
create trigger lines_added after insert on recon.lines
  referencing new table as added for each statement execute function recon.lines_added();

create function recon.registry_added() returns trigger language plpgsql as $$
begin
  if new.lines = 0 and new.computed_total_kopecks <> 0
     or new.lines > 0 and not exists (select from recon.lines where id = new.first_line
                                         and registry = new.id) then
    raise exception 'registry % has no lines', new.id using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger registry_added after insert on recon.registries
  deferrable initially deferred for each row execute function recon.registry_added();

create table recon.mismatches (
  id bigint generated always as identity primary key,
  agent text collate "C" not null,
  registry bigint not null references recon.registries,
  kind recon.mismatch_kind not null,
  state text not null default 'open' check (state in ('open', 'assigned', 'resolved', 'closed')),
  version integer not null default 1 check (version >= 1),
  line bigint references recon.lines,
  payment_id bigint,
  amount_kopecks bigint not null,
  post_as text collate "C" not null default '',
  details jsonb not null default '{}',
  opened_at timestamptz not null default now(),
  assignee text not null default '',
  proposal jsonb,
  proposed_by text not null default '',
  proposed_at timestamptz,
  outcome text not null default '' check (outcome in ('', 'posted', 'matched', 'returned',
    'accepted', 'superseded', 'found')),
  decided_by text not null default '',
  confirmed_by text not null default '',
  decided_at timestamptz,
  reason text not null default '',
  check ((state in ('open', 'assigned')) = (outcome = '')),
  check ((proposal is null) = (proposed_by = '')),
  check (state = 'assigned' or proposal is null),
  check (line is not null or kind in ('NOT_IN_REGISTRY', 'TOTAL_DIFFERS')),
  check (kind <> 'NOT_IN_REGISTRY' or payment_id is not null)
);
create unique index mismatches_line on recon.mismatches (line) where line is not null;
create unique index mismatches_missing on recon.mismatches (agent, payment_id)
  where kind = 'NOT_IN_REGISTRY' and outcome not in ('found', 'superseded');
create index mismatches_registry on recon.mismatches (registry);
create index mismatches_state on recon.mismatches (state, id);
comment on column recon.mismatches.amount_kopecks is 'what is at stake';
comment on column recon.mismatches.post_as is 'the agent''s payment id under which the line may be posted';
comment on column recon.mismatches.proposal is
  'a decision that is being carried out, or waits for a second person';

-- Cases of earlier registries that a later file tells of again.
create table recon.inherited (
  registry bigint not null references recon.registries,
  mismatch bigint not null references recon.mismatches,
  primary key (registry, mismatch)
);

create table recon.audit (
  id bigint generated always as identity primary key,
  happened_at timestamptz not null default clock_timestamp(),
  actor text not null check (actor <> ''),
  action text not null check (action <> ''),
  subject text not null check (subject <> ''),
  subject_id text not null,
  reason text not null default '',
  details jsonb not null default '{}'
);
create index audit_subject on recon.audit (subject, subject_id, id);
call ledger.make_append_only('recon.audit');

-- Written afterwards by one sealer, so that no decision waits for the chain.
create table recon.audit_chain (
  audit bigint primary key references recon.audit,
  previous bytea not null check (octet_length(previous) = 32),
  hash bytea not null unique check (octet_length(hash) = 32),
  sealed_at timestamptz not null default now()
);
call ledger.make_append_only('recon.audit_chain');

-- Kopecks of a line go from one bucket to another; nothing appears and nothing is lost.
create table recon.moves (
  id bigint generated always as identity primary key,
  line bigint not null references recon.lines,
  from_bucket recon.bucket not null,
  to_bucket recon.bucket not null,
  kopecks bigint not null check (kopecks <> 0),
  mismatch bigint not null references recon.mismatches,
  audit bigint not null references recon.audit,
  check (from_bucket <> to_bucket)
);
create index moves_line on recon.moves (line);
call ledger.make_append_only('recon.moves');

create function recon.positions(for_line bigint)
returns table (bucket recon.bucket, kopecks bigint) language sql stable as $$
  select s.bucket, sum(s.kopecks)::bigint
    from (select l.bucket, coalesce(l.amount_kopecks, 0) as kopecks from recon.lines l
           where l.id = for_line
          union all select m.to_bucket, m.kopecks from recon.moves m where m.line = for_line
          union all select m.from_bucket, -m.kopecks from recon.moves m where m.line = for_line) s
   group by s.bucket having sum(s.kopecks) <> 0
$$;

create function recon.check_move() returns trigger language plpgsql as $$
begin
  -- Two movers of one line take turns.
  perform from recon.lines where id = new.line and same_as is null for update;
  if not found then
    raise exception 'line % has no bucket of its own', new.line using errcode = 'check_violation';
  end if;
  if not exists (select from recon.positions(new.line) p where p.bucket = new.from_bucket
      and sign(p.kopecks) = sign(new.kopecks) and abs(p.kopecks) >= abs(new.kopecks)) then
    raise exception 'line % has not % kopecks in %', new.line, new.kopecks, new.from_bucket
      using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger check_move before insert on recon.moves
  for each row execute function recon.check_move();

-- A registry's kopecks by bucket, now: as at import, and the moves of its lines since. Lines carried
-- from an earlier file are looked through only when there are any.
create function recon.buckets(for_registry bigint)
returns table (bucket recon.bucket, kopecks bigint) language sql stable as $$
  with r as (
    select id, first_line, first_line + lines as next_line, carried from recon.registries
     where id = for_registry
  ), moved as (
    select m.from_bucket, m.to_bucket, m.kopecks
      from r join recon.moves m on m.line >= r.first_line and m.line < r.next_line
    union all
    select m.from_bucket, m.to_bucket, m.kopecks
      from r join recon.lines l on r.carried > 0 and l.id >= r.first_line and l.id < r.next_line
      join recon.moves m on m.line = l.same_as
  )
  select s.bucket, sum(s.kopecks)::bigint
    from (select f.bucket, f.kopecks from recon.first_buckets f where f.registry = for_registry
          union all select to_bucket, kopecks from moved
          union all select from_bucket, -kopecks from moved) s
   group by s.bucket having sum(s.kopecks) <> 0
$$;

-- The registry's cases, with those it tells of again.
create function recon.cases(for_registry bigint) returns setof recon.mismatches
language sql stable as $$
  select m.* from recon.mismatches m
   where m.registry = for_registry
      or m.id in (select i.mismatch from recon.inherited i where i.registry = for_registry)
$$;

create table recon.staff (
  login text collate "C" primary key check (login ~ '^[a-z][a-z0-9._-]{0,49}$'),
  name text not null check (name <> ''),
  role text not null check (role in ('accountant', 'controller', 'admin')),
  password_hash text not null,
  disabled boolean not null default false,
  created_at timestamptz not null default now()
);
comment on column recon.staff.password_hash is 'argon2id, in PHC form';

create table recon.staff_sessions (
  token_sha256 bytea primary key check (octet_length(token_sha256) = 32),
  login text collate "C" not null references recon.staff,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  seen_at timestamptz not null default now()
);
create index staff_sessions_login on recon.staff_sessions (login);
