-- "No such payment" is final: the payer gets the cash back. So it is said only of a key that nobody is
-- writing. Who writes it holds it until the commit; here that is waited for.
create function ledger.is_recorded_after_all(p_agent text, p_id text) returns boolean
language plpgsql set lock_timeout = '2s' as $$
begin
  insert into ledger.payment_key (agent, agent_payment_id, recorded_at, fingerprint, refusal)
  values (p_agent, p_id, now(), '', '');
  raise exception using errcode = 'KV018', message = 'nobody writes it';  -- and neither do we
exception
  when sqlstate 'KV018' or check_violation then return false;
  when unique_violation then return true;
end $$;
