-- purpose: how recently, how often and for how much a customer bought, and what came back
-- grain:   one customer with a purchase before the snapshot
-- key:     customer_id
-- time:    rows before $snapshot only (the engine sees to it); windows are [$snapshot - n days, $snapshot)
-- An order is a day with purchases: several invoices on one day are one decision to buy. Spend is in GBP.
with orders as (
    select
        customer_id,
        $snapshot::date - invoice_time::date as age_days,
        max(country) as country,
        sum(amount) as spend
    from staging.purchases
    group by customer_id, invoice_time::date
),

purchases as (
    select
        customer_id,
        arg_min(country, age_days) as country,
        min(age_days) as days_since_last_order,
        count(*) filter (where age_days <= 30) as orders_30d,
        count(*) filter (where age_days <= 90) as orders_90d,
        count(*) filter (where age_days <= 180) as orders_180d,
        count(*) filter (where age_days <= 365) as orders_365d,
        coalesce(sum(spend) filter (where age_days <= 30), 0)::double as spend_30d,
        coalesce(sum(spend) filter (where age_days <= 90), 0)::double as spend_90d,
        coalesce(sum(spend) filter (where age_days <= 365), 0)::double as spend_365d
    from orders
    group by customer_id
),

credits as (
    select
        customer_id,
        count(distinct invoice_no) as returns_365d,
        sum(amount)::double as returned_365d
    from staging.returns
    where invoice_time >= $snapshot - interval 365 day
    group by customer_id
)

select
    purchases.*,
    coalesce(credits.returns_365d, 0) as returns_365d,
    -- may exceed 1: goods bought before the window can come back in it. NULL: nothing bought in the window
    coalesce(credits.returned_365d, 0) / nullif(purchases.spend_365d, 0) as returned_share_365d
from purchases
left join credits on purchases.customer_id = credits.customer_id
