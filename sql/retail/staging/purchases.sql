-- purpose: what known customers bought: the lines that count as demand, cleaned once for every later reader
-- grain:   one invoice line; a line repeated in full (product, quantity, price, minute) counts once
-- key:     none of its own; customer_id is the entity
-- time:    invoice_time. Cut-consistent: a row depends on nothing but copies of itself, which share its time
-- not here: lines without customer (guests), returns, free items, corrections. Money is DECIMAL, so that sums
-- do not depend on the order of rows.
select distinct
    invoice_no,
    upper(trim(stock_code)) as stock_code,
    -- five leading digits make a product; the rest is postage, carriage, fees and manual entries
    regexp_matches(stock_code, '^\s*[0-9]{5}') as is_product,
    quantity,
    unit_price::decimal(12, 3) as unit_price,
    (quantity * unit_price::decimal(12, 3))::decimal(18, 3) as amount,
    invoice_time,
    customer_id,
    trim(country) as country
from raw.invoices
where
    customer_id is not null
    and quantity > 0
    and unit_price > 0
    and not starts_with(upper(invoice_no), 'C')
