-- purpose: what known customers sent back or had credited
-- grain:   one line of a credit note (invoice number with a leading C) or one line of negative quantity;
--          a line repeated in full counts once
-- key:     none of its own; customer_id is the entity
-- time:    invoice_time, when it came back, not when it was bought. Cut-consistent: a row depends on nothing
--          but copies of itself, which share its time
-- quantity and amount are positive here: how much came back.
select distinct
    invoice_no,
    upper(trim(stock_code)) as stock_code,
    regexp_matches(stock_code, '^\s*[0-9]{5}') as is_product,
    abs(quantity) as quantity,
    unit_price::decimal(12, 3) as unit_price,
    abs(quantity * unit_price::decimal(12, 3))::decimal(18, 3) as amount,
    invoice_time,
    customer_id,
    trim(country) as country
from raw.invoices
where
    customer_id is not null
    and (quantity < 0 or starts_with(upper(invoice_no), 'C'))
