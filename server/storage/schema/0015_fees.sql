-- What a registry says about the agent's fees altogether; each payment's own go to payment_amounts.

alter table recon.registries
  add column payer_fee_kopecks bigint check (payer_fee_kopecks >= 0),
  add column withheld_kopecks bigint check (withheld_kopecks >= 0),
  add constraint registries_fees_check
    check ((payer_fee_kopecks is null) = (withheld_kopecks is null));
comment on column recon.registries.withheld_kopecks is
  'kept back from the suppliers; null = the file does not say';
