-- Counters with clerks: batches, searches by address and by unified account, business days that are
-- closed with control sums and become a registry of their own.

-- The business day of a recorded payment; a function of its own so that the plan is made once.
-- Volatile: a stable one would not see a payment that the very statement has made.
create function ledger.business_day_of(of_payment bigint, recorded timestamptz) returns date
language plpgsql as $$
begin
  return (select p.business_day from ledger.payment p
           where p.payment_id = of_payment and p.recorded_at = recorded);
end $$;

-- A batch's id stands for one content, for ever; its payments have keys of their own.
create table ledger.batch (
  agent text collate "C" not null,
  batch_id text collate "C" not null check (char_length(batch_id) between 1 and 100),
  content text collate "C" not null,
  payments integer not null check (payments >= 0),
  recorded_at timestamptz not null default now(),
  primary key (agent, batch_id)
);
comment on column ledger.batch.content is 'a digest of everything it said of its payments';
call ledger.make_append_only('ledger.batch');

create table ledger.search_use (
  agent text collate "C" not null,
  minute timestamptz not null,
  searches integer not null,
  primary key (agent, minute)
);
comment on table ledger.search_use is 'searches by address, so that nobody lists a town';

create function ledger.admit_search(p_agent text, per_minute_max integer) returns boolean
language plpgsql as $$
declare
  this_minute timestamptz := date_trunc('minute', clock_timestamp());
  so_far integer;
begin
  insert into ledger.search_use as u (agent, minute, searches) values (p_agent, this_minute, 1)
  on conflict (agent, minute) do update set searches = u.searches + 1 returning searches into so_far;
  if so_far = 1 then
    delete from ledger.search_use where agent = p_agent and minute < this_minute;
  end if;
  return so_far <= per_minute_max;
end $$;

-- Letters of both cases and both spellings of ё are one; signs become spaces. Written out, because
-- what lower() does depends on the locale that a cluster was made with.
create function billing.plain(said text) returns text language sql immutable parallel safe
return btrim(regexp_replace(translate(said,
  'ABCDEFGHIJKLMNOPQRSTUVWXYZАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯё.,;:"«»()№' || E'\u00a0\t\r\n',
  'abcdefghijklmnopqrstuvwxyzабвгдеежзийклмнопрстуфхцчшщъыьэюяе' || repeat(' ', 15)), ' +', ' ', 'g'));

-- Without what kind of street it is: people leave that out.
create function billing.street_key(said text) returns text language sql immutable parallel safe
return btrim(regexp_replace(billing.plain(said),
  '(^| )(ул|улица|пер|переулок|пр|пр-т|пр-кт|просп|проспект|проезд|пр-д|ш|шоссе|б-р|бул|бульвар'
  '|наб|набережная|пл|площадь|туп|тупик|аллея|тракт|линия|мкр|микрорайон|кв-л|квартал|им|имени)'
  '(?= |$)', ' ', 'g'));

-- 5, корп. 1 -> 5к1
create function billing.building_key(said text) returns text language sql immutable parallel safe
return replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(billing.plain(said),
    '^(дом|д)(?= |[0-9])', ''),
    ' ?(корпус|корп|к)(?= ?[0-9а-я])', 'к'),
    ' ?(строение|стр|с)(?= ?[0-9а-я])', 'с'),
    ' ?(литера|литер|лит)(?= ?[0-9а-я])', 'л'), ' ', '');

create function billing.flat_key(said text) returns text language sql immutable parallel safe
return replace(regexp_replace(billing.plain(said),
  '^(квартира|кв|комната|комн|ком|помещение|пом|офис|оф)(?= |[0-9])', ''), ' ', '');

-- An address that is only text, in three: street, building, flat, each as a key; empty if not there.
create function billing.address_keys(address text) returns text[]
language plpgsql immutable parallel safe as $$
declare
  piece text;
  street text := '';
  building text := '';
  flat text := '';
begin
  foreach piece in array string_to_array(translate(address, ';', ','), ',') loop
    piece := billing.plain(piece);
    if piece ~ '^(квартира|кв|комната|комн|ком|помещение|пом|офис|оф)( |[0-9])' then
      flat := piece;
    elsif piece ~ '^(корпус|корп|строение|стр|литера|литер|лит)( |[0-9])' then
      building := building || ' ' || piece;
    elsif piece ~ '^(дом|д)( [0-9]|[0-9])' or (street <> '' and building = '' and piece ~ '^[0-9]') then
      building := piece;
    elsif billing.street_key(piece) <> piece then
      street := piece;
    end if;
  end loop;
  return array[billing.street_key(street), billing.building_key(building), billing.flat_key(flat)];
end $$;

create function billing.place_key(address text) returns text language sql immutable parallel safe
return array_to_string((billing.address_keys(address))[1:2], '|');

create index houses_place on billing.houses
  ((billing.street_key(street) || '|' || billing.building_key(building)));
create index accounts_place on billing.accounts (billing.place_key(address)) where house is null;

-- ЕЛС are read off paper: letters that look alike in both alphabets are one.
create function billing.unified_key(said text) returns text language sql immutable parallel safe
return translate(said, 'abcdefghijklmnopqrstuvwxyzАВЕКМНОРСТУХавекмнорстухабвгдежзийлпфцчшщъыьэюяё',
                       'ABCDEFGHIJKLMNOPQRSTUVWXYZABEKMHOPCTYXABEKMHOPCTYXАБВГДЕЖЗИЙЛПФЦЧШЩЪЫЬЭЮЯЁ');
create index accounts_unified on billing.accounts (billing.unified_key(unified_account))
  where unified_account is not null;

-- Accounts that are not closed at an address, at most `found_max`. Keys are made as above.
create function billing.accounts_at(p_street text, p_building text, p_flat text, p_settlement text,
    p_postcode text, found_max integer) returns setof text language sql stable as $$
  with wanted as (
    select billing.street_key(p_street) || '|' || billing.building_key(p_building) as place,
           billing.flat_key(p_flat) as flat, billing.plain(p_settlement) as settlement
  ), candidates as (
    select a.number, billing.flat_key(a.flat) as flat, a.address, h.district, h.postcode, a.state
      from wanted w
      join billing.houses h
        on billing.street_key(h.street) || '|' || billing.building_key(h.building) = w.place
      join billing.accounts a on a.house = h.id
    union all
    select a.number, (billing.address_keys(a.address))[3], a.address, '',
           coalesce(substring(a.address from '(?:^|[^0-9])([0-9]{6})(?:[^0-9]|$)'), ''), a.state
      from wanted w
      join billing.accounts a on a.house is null and billing.place_key(a.address) = w.place
  )
  select c.number from candidates c, wanted w
   where c.state <> 'closed' and w.flat in ('', c.flat)
     and (w.settlement = ''
          or strpos(billing.plain(c.district || ' ' || c.address), w.settlement) > 0)
     and (p_postcode = '' or c.postcode in ('', p_postcode))
   order by c.number limit found_max
$$;

-- Days that were closed with control sums.
create table ledger.day_closing (
  agent text collate "C" not null,
  day date not null,
  closed_at timestamptz not null,
  registry bigint not null references recon.registries,
  despite_differences boolean not null,
  primary key (agent, day),
  foreign key (agent, day) references ledger.business_day
);
call ledger.make_append_only('ledger.day_closing');

create table ledger.day_closing_office (
  agent text collate "C" not null,
  day date not null,
  office text collate "C" not null,
  declared_count bigint,
  declared_kopecks bigint,
  count bigint,
  kopecks bigint,
  primary key (agent, day, office),
  foreign key (agent, day) references ledger.day_closing,
  check ((declared_count is null) = (declared_kopecks is null)),
  check ((count is null) = (kopecks is null))
);
comment on column ledger.day_closing_office.declared_count is 'null: the agent did not name the office';
comment on column ledger.day_closing_office.count is 'null: we had no payment of it';
call ledger.make_append_only('ledger.day_closing_office');

create type ledger.office_sums as (
  office text, declared_count bigint, declared_kopecks bigint, count bigint, kopecks bigint
);

-- The credited payments of a business day. The office is what a terminal's name begins with.
create function ledger.credited_on(p_agent text, p_day date) returns table (
  payment_id bigint, agent_payment_id text, account text, amount_kopecks bigint,
  paid_at timestamptz, office text) language sql stable as $$
  select p.payment_id, p.agent_payment_id, p.account, p.amount_kopecks, p.paid_at,
         split_part(p.terminal, '/', 1)
    from ledger.payment p
   cross join lateral (select e.kind from ledger.payment_event e
      where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
      order by e.seq desc limit 1) e
   where p.agent = p_agent and p.business_day = p_day and e.kind = 'credited'
$$;

create function ledger.day_sums(p_agent text, p_day date, p_offices text[], p_counts bigint[],
    p_kopecks bigint[]) returns setof ledger.office_sums language sql stable as $$
  select coalesce(d.office, o.office), d.count, d.kopecks, o.count, o.kopecks
    from (select * from unnest(p_offices, p_counts, p_kopecks) as u(office, count, kopecks)) d
    full join (select c.office, count(*) as count, sum(c.amount_kopecks)::bigint as kopecks
                 from ledger.credited_on(p_agent, p_day) c group by c.office) o
      on o.office = d.office
   order by 1
$$;

-- For people: 12 платежей на 1234.50
create function recon.told_sum(count bigint, kopecks bigint) returns text
language sql immutable parallel safe
return case when coalesce(count, 0) = 0 and coalesce(kopecks, 0) = 0 then 'нет'
  else format('%s на %s.%s', count, kopecks / 100, lpad((kopecks % 100)::text, 2, '0')) end;

-- Closes a business day if the declared sums of its offices are ours, or despite of what differs.
-- What it was closed with becomes a registry whose lines are the day's payments: they stand in a
-- registry from then on, and a difference is a case of it. A closing that differs leaves its text
-- and a refusal, as a file does that is not taken in.
-- Outcomes: closed, repeated, differs, closed_before; the sums of every office come with each.
create function ledger.close_day(p_agent text, p_day date, p_offices text[], p_counts bigint[],
    p_kopecks bigint[], p_despite boolean, p_name text, p_content bytea)
returns table (outcome text, closed_at timestamptz, registry bigint, sums ledger.office_sums[])
language plpgsql set lock_timeout = '2s' as $$
#variable_conflict use_column
declare
  was timestamptz;
  earlier ledger.day_closing;
  now_at timestamptz;
  its_file bigint;
  its_registry bigint;
  zone text := (select a.zone from ledger.agents a where a.name = p_agent);
  found ledger.office_sums[];
  told jsonb;
  message text;
  lines integer;
  total bigint;
  carried integer;
  first_line bigint;
begin
  -- In the order of an import, then the day: no payment and no cancellation of it is under way.
  perform pg_advisory_xact_lock(hashtextextended('recon ' || p_agent, 0));
  insert into ledger.business_day (agent, day) values (p_agent, p_day) on conflict do nothing;
  select b.closed_at into was from ledger.business_day b
   where b.agent = p_agent and b.day = p_day for update;
  select * into earlier from ledger.day_closing c where c.agent = p_agent and c.day = p_day;
  if earlier.agent is not null then
    found := array(select (o.office, o.declared_count, o.declared_kopecks, o.count,
                           o.kopecks)::ledger.office_sums
                     from ledger.day_closing_office o
                    where o.agent = p_agent and o.day = p_day order by o.office);
    if not exists (
        (select s.office, s.declared_count, s.declared_kopecks from unnest(found) s
          where s.declared_count is not null
         except select * from unnest(p_offices, p_counts, p_kopecks))
        union all
        (select * from unnest(p_offices, p_counts, p_kopecks) as u(office, count, kopecks)
         except select s.office, s.declared_count, s.declared_kopecks from unnest(found) s)) then
      return query select 'repeated', earlier.closed_at, earlier.registry, found;
      return;
    end if;
    found := array(select (coalesce(s.office, u.office), u.count, u.kopecks, s.count,
                           s.kopecks)::ledger.office_sums
                     from unnest(p_offices, p_counts, p_kopecks) as u(office, count, kopecks)
                     full join unnest(found) s on s.office = u.office order by 1);
    return query select 'closed_before', earlier.closed_at, earlier.registry, found;
    return;
  end if;
  found := array(select s::ledger.office_sums
                   from ledger.day_sums(p_agent, p_day, p_offices, p_counts, p_kopecks) s);
  if was is not null then
    return query select 'closed_before', was, null::bigint, found;
    return;
  end if;
  now_at := date_trunc('milliseconds', clock_timestamp());
  insert into recon.files (agent, sha256, name, size_bytes, received_by)
  values (p_agent, sha256(p_content), p_name, octet_length(p_content), p_agent)
  on conflict do nothing returning id into its_file;
  if its_file is not null then
    insert into recon.file_blocks (file, seq, content) values (its_file, 0, p_content);
  else
    select f.id into its_file from recon.files f
     where f.agent = p_agent and f.sha256 = sha256(p_content);
  end if;
  select jsonb_agg(jsonb_build_object('line', 0, 'column', 0, 'message', format(
           'Отделение %s: заявлено %s, учтено %s', coalesce(nullif(s.office, ''), 'не указано'),
           recon.told_sum(s.declared_count, s.declared_kopecks),
           recon.told_sum(s.count, s.kopecks))) order by s.office)
    into told from unnest(found) s
   where (coalesce(s.declared_count, 0), coalesce(s.declared_kopecks, 0))
         <> (coalesce(s.count, 0), coalesce(s.kopecks, 0));
  if told is not null and not p_despite then
    message := left((select string_agg(t ->> 'message', '; ') from jsonb_array_elements(told) t), 2000);
    insert into recon.refusals (file, refused_to, format, encoding, message, line, col)
    select its_file, p_agent, 'day_closing', 'utf-8', message, 0, 0
     where message is distinct from (select r.message from recon.refusals r where r.file = its_file
                                      order by r.id desc limit 1);
    return query select 'differs', null::timestamptz, null::bigint, found;
    return;
  end if;
  select count(*), coalesce(sum(c.amount_kopecks), 0)::bigint, count(l.id)
    into lines, total, carried
    from ledger.credited_on(p_agent, p_day) c
    left join recon.lines l on l.agent = p_agent and l.payment_id = c.payment_id
                           and l.superseded_by is null;
  first_line := recon.reserve_lines(lines);
  insert into recon.registries (agent, file, format, encoding, lenient, day, lines, bad_lines,
      carried, first_line, declared_lines, declared_total_kopecks, computed_total_kopecks, matched,
      notes, imported_by)
  select p_agent, its_file, 'day_closing', 'utf-8', told is not null, p_day, lines, 0, carried,
         first_line, coalesce(sum(u.count), 0), coalesce(sum(u.kopecks), 0), total, lines,
         coalesce(told, '[]'), p_agent
    from unnest(p_counts, p_kopecks) as u(count, kopecks)
  returning id into its_registry;
  insert into recon.lines (id, registry, agent, number, operation, account, amount_kopecks, paid_on,
      paid_time, details, bucket, same_as, payment_id)
  select first_line + c.place - 1, its_registry, p_agent, c.place, c.agent_payment_id, c.account,
         c.amount_kopecks, (c.paid_at at time zone zone)::date, (c.paid_at at time zone zone)::time,
         jsonb_build_object('office', c.office), coalesce(l.bucket, 'already_online'), l.id,
         case when l.id is null then c.payment_id end
    from (select d.*, row_number() over (order by d.payment_id) as place
            from ledger.credited_on(p_agent, p_day) d) c
    left join recon.lines l on l.agent = p_agent and l.payment_id = c.payment_id
                           and l.superseded_by is null;
  insert into recon.inherited (registry, mismatch)
  select its_registry, m.id from recon.lines l join recon.mismatches m on m.line = l.same_as
   where carried > 0 and l.id >= first_line and l.id < first_line + lines;
  insert into recon.audit (actor, action, subject, subject_id, details)
  values (p_agent, 'import', 'registry', its_registry::text, jsonb_build_object('file', p_name,
    'lines', lines, 'strict', told is null, 'closes', p_day));
  if told is not null then
    insert into recon.mismatches (agent, registry, kind, amount_kopecks, details)
    select p_agent, its_registry, 'TOTAL_DIFFERS', total - coalesce(sum(k), 0),
           jsonb_build_object('differences', told) from unnest(p_kopecks) k;
  end if;
  update ledger.business_day b set closed_at = now_at where b.agent = p_agent and b.day = p_day;
  insert into ledger.day_closing values (p_agent, p_day, now_at, its_registry, told is not null);
  insert into ledger.day_closing_office
  select p_agent, p_day, s.office, s.declared_count, s.declared_kopecks, s.count, s.kopecks
    from unnest(found) s;
  return query select 'closed', now_at, its_registry, found;
end $$;
