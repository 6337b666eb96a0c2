-- purpose: for how long a customer has been known and in what rhythm they buy
-- grain:   one customer with a purchase before the snapshot
-- key:     customer_id
-- time:    rows before $snapshot only (the engine sees to it)
-- An order is a day with purchases. NULL in a gap or nth-last column means that there is no such order yet.
with orders as (
    select
        customer_id,
        invoice_time::date as order_date,
        min(hour(invoice_time)) as order_hour
    from staging.purchases
    group by customer_id, invoice_time::date
),

dated as (
    select
        customer_id,
        order_date,
        order_hour,
        order_date - lag(order_date) over (partition by customer_id order by order_date) as gap_days,
        row_number() over (partition by customer_id order by order_date desc) as nth_last
    from orders
),

rhythm as (
    select
        customer_id,
        $snapshot::date - min(order_date) as tenure_days,
        count(*) as orders,
        $snapshot::date - max(order_date) as days_since_last_order,
        $snapshot::date - any_value(order_date) filter (where nth_last = 2) as days_since_2nd_last_order,
        $snapshot::date - any_value(order_date) filter (where nth_last = 3) as days_since_3rd_last_order,
        $snapshot::date - any_value(order_date) filter (where nth_last = 5) as days_since_5th_last_order,
        any_value(gap_days) filter (where nth_last = 1) as last_gap_days,
        avg(gap_days) as mean_gap_days,
        median(gap_days) as median_gap_days,
        count(distinct date_trunc('week', order_date)) as weeks_active,
        count(distinct date_trunc('month', order_date)) as months_active,
        avg(order_hour) as mean_order_hour
    from dated
    group by customer_id
)

select
    customer_id,
    tenure_days,
    days_since_2nd_last_order,
    days_since_3rd_last_order,
    days_since_5th_last_order,
    last_gap_days,
    median_gap_days,
    -- above 1: silent for longer than usual. NULL: no second order yet
    days_since_last_order / mean_gap_days as recency_to_mean_gap,
    -- a customer of less than 30 days counts as one of 30 days: one order is no rate
    orders * 30 / greatest(tenure_days, 30) as orders_per_30d,
    weeks_active,
    months_active,
    mean_order_hour
from rhythm
