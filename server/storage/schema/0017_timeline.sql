-- Versions of lanes go on where a standby takes over, from what it had; what the lost primary's stream
-- has told of later ones must not be taken for theirs. So every timeline has an epoch of its own.
alter table ledger.epoch add column timeline integer not null default 0;

-- To be called on every new connection that writes: a timeline is never left but by a restart.
create function ledger.keep_epoch() returns void language plpgsql as $$
declare
  present integer := ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer;
begin
  if (select timeline from ledger.epoch) <> present then
    update ledger.epoch set epoch = epoch + 1, timeline = present where timeline <> present;
  end if;
end $$;

-- Where Redis stands is known under the epoch that there is.
update ledger.epoch
   set timeline = ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer;
