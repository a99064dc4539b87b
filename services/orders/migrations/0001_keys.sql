-- Foreign keys, and the indexes Django makes for them. Apart from 0001_shop, because the seeder
-- takes them off, loads, and puts them back.

CREATE INDEX orders_user_id ON orders (user_id);
CREATE INDEX orders_product_id ON orders (product_id);
CREATE INDEX order_items_order_id ON order_items (order_id);
ALTER TABLE orders
    ADD CONSTRAINT orders_user_fk FOREIGN KEY (user_id) REFERENCES users (id),
    ADD CONSTRAINT orders_product_fk FOREIGN KEY (product_id) REFERENCES products (id);
ALTER TABLE order_items
    ADD CONSTRAINT order_items_order_fk FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
    ADD CONSTRAINT order_items_product_fk FOREIGN KEY (product_id) REFERENCES products (id);
