-- segue: allow: several-strong-locks, nothing here takes time, and a try that waits is given up at once
-- Beside each narrow number a wide one. The triggers write it from now on,
-- whoever writes the narrow one; the backfills write it into the rows that are
-- there already; the constraints prove in the end that both did.
ALTER TABLE orders ADD COLUMN id_wide bigint;
ALTER TABLE order_line ADD COLUMN order_id_wide bigint;
ALTER TABLE payment ADD COLUMN order_id_wide bigint;

SELECT segue.keep_in_sync('orders', 'id_wide', 'id::bigint');
SELECT segue.keep_in_sync('order_line', 'order_id_wide', 'order_id::bigint');
SELECT segue.keep_in_sync('payment', 'order_id_wide', 'order_id::bigint');

ALTER TABLE orders ADD CONSTRAINT orders_id_wide_check
    CHECK (id_wide IS NOT NULL AND id_wide = id) NOT VALID;
ALTER TABLE order_line ADD CONSTRAINT order_line_order_id_wide_check
    CHECK (order_id_wide IS NOT NULL AND order_id_wide = order_id) NOT VALID;
ALTER TABLE payment ADD CONSTRAINT payment_order_id_wide_check
    CHECK (order_id_wide IS NOT DISTINCT FROM order_id) NOT VALID;
