-- purpose: who bought again; customers of the population without a row here did not (label 0)
-- grain:   one customer
-- key:     customer_id
-- time:    purchases in [$snapshot, $snapshot + 30 days) only (the engine sees to it)
select
    customer_id,
    1 as label
from staging.purchases
group by customer_id
