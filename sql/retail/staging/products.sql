-- purpose: the products ever sold, described as they were when they were first seen
-- grain:   one stock code
-- key:     stock_code
-- time:    first_seen_time, the first sale to anyone, guests included. Cut-consistent: all columns come from
--          that first row, so later sales, prices and descriptions change nothing
select
    upper(trim(stock_code)) as stock_code,
    trim(description) as first_description,
    unit_price::decimal(12, 3) as first_unit_price,
    regexp_matches(stock_code, '^\s*[0-9]{5}') as is_product,
    invoice_time as first_seen_time
from raw.invoices
where
    quantity > 0
    and unit_price > 0
qualify
    row_number() over (partition by upper(trim(stock_code)) order by invoice_time, invoice_no, _file, _row)
    = 1
