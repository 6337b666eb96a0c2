-- purpose: whom the label is about: customers who bought in the year before the snapshot
-- grain:   one customer
-- key:     customer_id
-- time:    purchases before $snapshot only (the engine sees to it), of which the last 365 days count
select distinct customer_id
from staging.purchases
where invoice_time >= $snapshot - interval 365 day
