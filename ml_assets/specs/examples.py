"""One example of each kind of declaration, and some of a flat table. With `STATEMENTS` they are a project of use case `shop`.

What begins a new declaration, and what the reference pages show, is taken from here.
"""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, str] = {
    "RawTable": """\
type: ml_assets.RawTable
attributes:
  name: orders
  description: One row an order.
  owners: [team:shop]
  files: "orders-*.csv"
  format: {kind: csv, delimiter: ";"}
  event_time: ordered_at
  key: [order_no]
  contract:
    columns:
      order_no: {type: string, nullable: false}
      customer_id: {type: integer, max_null_share: 0.05}
      amount: {type: decimal, min: 0, unit: EUR}
      ordered_at: {type: timestamp, nullable: false}
  freshness: {max_age: 2 days}
""",
    "SqlTable": """\
type: ml_assets.SqlTable
attributes:
  name: paid_orders
  description: Orders with an amount and a known customer.
  owners: [team:shop]
  sql: shop/staging/paid_orders.sql
  event_time: ordered_at
  key: [order_no]
  columns:
    amount: {type: decimal, nullable: false, min: 0}
  references:
    - {columns: [order_no], to: raw.orders}
""",
    "FeatureSet": """\
type: ml_assets.FeatureSet
attributes:
  name: customer_orders
  description: How often and for how much a customer ordered.
  owners: [team:shop]
  entity: customer_id
  snapshots: {every: week, last: 40}
  sql: shop/features/customer_orders.sql
  columns:
    orders_90d: {type: integer, nullable: false, min: 0}
    spend_90d: {type: float, nullable: false, min: 0, unit: EUR}
  ttl: 365 days
""",
    "Model": """\
type: ml_assets.Model
attributes:
  name: orders_again
  description: Whether a customer orders again within 30 days.
  owners: [team:shop]
  task: binary
  entity: customer_id
  snapshots: {every: week, last: 40}
  label: {sql: shop/labels/orders_again.sql, population: shop/labels/population.sql, horizon: 30 days}
  features: [customer_orders]
  split: {kind: time, test_snapshots: 6, validation_snapshots: 4}
  calibration: auto
  costs: {false_positive: 1, false_negative: 5}
  evaluation: {slices: [{columns: [orders_90d]}], seeds: 2}
  gate:
    better_than: [constant, one_rule]
    rules:
      - {kind: beats, other: linear, significant: false}
      - {kind: metric, metric: roc_auc, min: 0.7}
""",
    "ScoredOutput": """\
type: ml_assets.ScoredOutput
attributes:
  name: orders_again
  description: Every customer's probability of ordering again, each Monday.
  owners: [team:shop]
  model: orders_again
  snapshots: {every: week, last: 10}
""",
    "Monitor": """\
type: ml_assets.Monitor
attributes:
  name: orders_again
  description: Whether the scores still mean what the evaluation promised.
  owners: [team:shop]
  scores: orders_again
  false_alarms: {at_most: 1, per: year}
  retrain: {when: [drift, decay, age, labels], max_age: 90 days}
""",
    "Operations": """\
type: ml_assets.Operations
attributes:
  name: operations
  description: How well the pipeline runs, and what it costs.
  owners: [team:shop]
  window: 30 days
  cost: {cpu_hour: 0.05, currency: EUR}
  on_duty: [team:shop]
""",
}

# The same on a table with one example a row: no SQL, no snapshots. And the form of a monitor that needs no model.
FLAT_EXAMPLES: Mapping[str, str] = {
    "RawTable": """\
type: ml_assets.RawTable
attributes:
  name: customers
  description: One row a customer, and whether the customer has left.
  owners: [team:shop]
  files: "customers.csv"
  contract:
    columns:
      customer_id: {type: integer, nullable: false}
      plan: {type: string, nullable: false, allowed: [basic, plus]}
      months: {type: integer, nullable: false, min: 0}
      churned: {type: boolean}
  key: [customer_id]
""",
    "Model": """\
type: ml_assets.Model
attributes:
  name: churn
  description: Whether a customer leaves.
  owners: [team:shop]
  source: raw.customers
  entity: customer_id
  label: {column: churned}
  split: {kind: stratified}
""",
    "ScoredOutput": """\
type: ml_assets.ScoredOutput
attributes:
  name: churn
  description: Every customer's probability of leaving.
  owners: [team:shop]
  model: churn
""",
    "Monitor": """\
type: ml_assets.Monitor
attributes:
  name: orders
  description: Every day's orders against those of the days before.
  owners: [team:shop]
  table: raw.orders
""",
}

STATEMENTS: Mapping[str, str] = {
    "shop/staging/paid_orders.sql": """\
-- purpose: orders with an amount and a known customer
-- grain:   one order    key: order_no
select
    order_no,
    customer_id,
    amount,
    ordered_at
from raw.orders
where amount is not null
    and customer_id is not null
""",
    "shop/features/customer_orders.sql": """\
-- purpose: how often and for how much a customer ordered in 90 days
-- grain:   one customer    key: customer_id    time: rows before $snapshot only (the engine sees to it)
select
    customer_id,
    count(*) filter (where ordered_at >= $snapshot - interval 90 day) as orders_90d,
    coalesce(sum(amount) filter (where ordered_at >= $snapshot - interval 90 day), 0)::double as spend_90d
from staging.paid_orders
group by customer_id
""",
    "shop/labels/orders_again.sql": """\
-- purpose: who orders within the horizon: the entity and `label`, of rows inside [snapshot, snapshot + horizon)
select
    customer_id,
    1 as label
from staging.paid_orders
group by customer_id
""",
    "shop/labels/population.sql": """\
-- purpose: whom the label is about, of rows before the snapshot
select distinct customer_id
from staging.paid_orders
where ordered_at >= $snapshot - interval 365 day
""",
}
