-- Log-in: who is a person of the demo town only, and how often a password was tried.

alter table recon.staff add column demo boolean not null default false;
comment on column recon.staff.demo is 'may log in only to a demo and only from its own machine';

create table recon.login_attempts (
  login text collate "C" not null,
  peer text collate "C" not null,
  attempted_at timestamptz not null
);
create index login_attempts_login on recon.login_attempts (login, attempted_at);
create index login_attempts_peer on recon.login_attempts (peer, attempted_at);

-- Notes an attempt before the password is looked at, so that many at once do not slip through.
-- Returns how long to wait instead when there were too many; then nothing is noted, so that
-- knocking on a closed door does not keep it closed.
create function recon.admit_login(
  its_login text, its_peer text, now timestamptz, span interval,
  both_max integer, login_max integer, peer_max integer
) returns interval language plpgsql as $$
declare
  wait interval;
begin
  perform pg_advisory_xact_lock(hashtextextended(its_login, 1));
  perform pg_advisory_xact_lock(hashtextextended(its_peer, 2));
  delete from recon.login_attempts where attempted_at <= now - span;
  select max(nth.attempted_at) + span - now into wait from (
    select (select attempted_at from recon.login_attempts
             where login = its_login and peer = its_peer
             order by attempted_at desc offset both_max - 1 limit 1) as attempted_at
    union all
    select (select attempted_at from recon.login_attempts
             where login = its_login order by attempted_at desc offset login_max - 1 limit 1)
    union all
    select (select attempted_at from recon.login_attempts
             where peer = its_peer order by attempted_at desc offset peer_max - 1 limit 1)) nth;
  if wait is null then
    insert into recon.login_attempts (login, peer, attempted_at) values (its_login, its_peer, now);
    return interval '0';
  end if;
  return wait;
end $$;
