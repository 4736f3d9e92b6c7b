-- A network that reports a failure gives up what it has held. What was credited meanwhile stays.
create or replace function ledger.transition(state text, action text) returns text
language sql immutable parallel safe as $$
  select case
    when state is null then
      case action when 'pay' then 'credited' when 'hold' then 'held' else 'not_found' end
    when state = 'held' then
      case when action = 'hold' then 'repeated' when action = 'confirm' then 'credited'
           when action in ('cancel', 'give_up') then 'cancelled'
           when action = 'expire' then 'expired'
           when action = 'pay' then 'conflict' else 'forbidden' end
    when state = 'credited' then
      case when action = 'cancel' then 'cancelled' when action = 'reverse' then 'reversed'
           when action in ('expire', 'give_up') then 'forbidden' else 'repeated' end
    when action in ('cancel', 'give_up')
         or (state, action) in (('expired', 'expire'), ('reversed', 'reverse'))
      then 'repeated'
    else 'payment_cancelled' end
$$;
