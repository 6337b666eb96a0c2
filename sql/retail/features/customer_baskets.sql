-- purpose: what a customer's baskets look like: size, price level and breadth of assortment
-- grain:   one customer with a purchase before the snapshot
-- key:     customer_id
-- time:    rows before $snapshot only (the engine sees to it); windows are [$snapshot - n days, $snapshot)
-- A basket is a day with purchases; its lines are counted, postage and fees left out. Money is in GBP.
-- What other customers do with a product counts as well: who buys what many people buy, and buy again, comes
-- back more often. Both grow with the history, so the place among all customers at the snapshot is given: the
-- share of them who have as much or less.
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

basket_products as (
    select distinct
        customer_id,
        stock_code,
        invoice_time::date as basket_date
    from staging.purchases
    where is_product
),

bought_products as (
    select
        customer_id,
        stock_code,
        count(*) as basket_count,
        max(basket_date) >= $snapshot - interval 90 day as is_recent
    from basket_products
    group by customer_id, stock_code
),

-- Decimals, so that means over a customer's products do not depend on the order of rows.
products as (
    select
        stock_code,
        (sum(basket_count) / count(*))::decimal(18, 6) as baskets_per_buyer,
        ln(count(*))::decimal(18, 6) as log_buyers
    from bought_products
    group by stock_code
),

assortment as (
    select
        bought_products.customer_id,
        count(*) as distinct_products,
        count(*) filter (where bought_products.is_recent) as distinct_products_90d,
        -- bought on two days or more
        count(*) filter (where bought_products.basket_count > 1) / count(*) as repeated_product_share,
        avg(products.baskets_per_buyer) as product_repetition,
        avg(products.log_buyers) as product_popularity
    from bought_products
    inner join products on bought_products.stock_code = products.stock_code
    group by bought_products.customer_id
),

standing as (
    select
        customer_id,
        cume_dist() over (order by product_repetition) as product_repetition_quantile,
        cume_dist() over (order by product_popularity) as product_popularity_quantile
    from assortment
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
    assortment.repeated_product_share,
    standing.product_repetition_quantile,
    standing.product_popularity_quantile
from basket_summary
left join assortment on basket_summary.customer_id = assortment.customer_id
left join standing on basket_summary.customer_id = standing.customer_id
