-- What the optimised code needs.

-- Pending orders of one user and product that the race of the first version left: one is kept, with
-- the quantity of all.
WITH kept AS (
    SELECT user_id, product_id, min(id) AS id, sum(quantity) AS quantity, array_agg(id) AS ids
    FROM orders WHERE status = 'pending'
    GROUP BY user_id, product_id HAVING count(*) > 1
), lines AS (
    UPDATE order_items i SET order_id = k.id FROM kept k WHERE i.order_id = ANY (k.ids)
)
UPDATE orders o SET quantity = k.quantity FROM kept k WHERE o.id = k.id;

DELETE FROM orders o USING orders first
WHERE o.status = 'pending' AND first.status = 'pending' AND first.id < o.id
    AND first.user_id = o.user_id AND first.product_id = o.product_id;

-- The merge of pending orders rests on this.
CREATE UNIQUE INDEX orders_one_pending ON orders (user_id, product_id) WHERE status = 'pending';

-- Bumped after orders changed. A sequence, because reading and bumping it takes no lock.
CREATE SEQUENCE orders_version;

-- One row for each batch of a request with a key: what was answered, so that a repeat is answered
-- the same and does nothing. Written in the batch's own transaction.
CREATE TABLE bulk_batches (
    key text NOT NULL,
    batch integer NOT NULL,
    body_hash text NOT NULL,
    results jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, batch)
);
CREATE INDEX bulk_batches_created_at ON bulk_batches (created_at);

-- Notifications to be sent, written in the transaction of what they tell of.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_key text NOT NULL UNIQUE,
    payload jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz
);
CREATE INDEX outbox_waiting ON outbox (next_at) WHERE state = 'waiting';
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';
CREATE INDEX outbox_done_at ON outbox (done_at) WHERE state = 'delivered';
