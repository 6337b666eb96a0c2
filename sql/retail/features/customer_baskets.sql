-- purpose: what a customer's baskets look like: size, price level and breadth of assortment
-- grain:   one customer with a purchase before the snapshot
-- key:     customer_id
-- time:    rows before $snapshot only (the engine sees to it); windows are [$snapshot - n days, $snapshot)
-- A basket is a day with purchases; its lines are counted, postage and fees left out. Money is in GBP.
with baskets as (
    select
        customer_id,
        invoice_time::date as basket_date,
        count(*) filter (where is_product) as line_count,
        sum(quantity) filter (where is_product) as units,
        sum(unit_price) filter (where is_product) as unit_prices,
        sum(amount) as spend
    from staging.purchases
    group by customer_id, invoice_time::date
),

basket_summary as (
    select
        customer_id,
        arg_max(line_count, basket_date) as last_basket_lines,
        arg_max(spend, basket_date)::double as last_basket_spend,
        median(spend)::double as median_basket_spend,
        -- NULL from here on: has paid postage or fees, but never bought a product
        sum(unit_prices)::double / nullif(sum(line_count), 0) as mean_unit_price,
        median(units / nullif(line_count, 0)) as median_units_per_line
    from baskets
    group by customer_id
),

bought_products as (
    select
        customer_id,
        stock_code,
        max(invoice_time) >= $snapshot - interval 90 day as is_recent,
        max(invoice_time)::date > min(invoice_time)::date as is_repeated
    from staging.purchases
    where is_product
    group by customer_id, stock_code
),

assortment as (
    select
        customer_id,
        count(*) as distinct_products,
        count(*) filter (where is_recent) as distinct_products_90d,
        -- bought on two days or more
        count(*) filter (where is_repeated) / count(*) as repeated_product_share
    from bought_products
    group by customer_id
)

select
    basket_summary.customer_id,
    basket_summary.last_basket_lines,
    basket_summary.last_basket_spend,
    basket_summary.median_basket_spend,
    basket_summary.mean_unit_price,
    basket_summary.median_units_per_line,
    coalesce(assortment.distinct_products, 0) as distinct_products,
    coalesce(assortment.distinct_products_90d, 0) as distinct_products_90d,
    assortment.repeated_product_share
from basket_summary
left join assortment on basket_summary.customer_id = assortment.customer_id
