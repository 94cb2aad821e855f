-- One row an inspection, written by the function scrutineer-webhook alone.
create table inspection_results (
    inspection_id text primary key,
    message_id    text not null,
    state         text not null check (state in
        ('passed', 'failed', 'review', 'rejected', 'error', 'cancelled', 'expired')),
    reference     text,
    item          jsonb not null,
    reasons       jsonb,
    failure       jsonb,
    finished_at   timestamptz,
    received_at   timestamptz not null default now()
);
create index inspection_results_by_reference on inspection_results (reference);

-- Without a policy nobody reads it but the service role; add one for who may, such as:
--   create policy "staff read" on inspection_results for select to authenticated using (true);
alter table inspection_results enable row level security;
