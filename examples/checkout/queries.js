// @ts-check
/**
 * The statements of the fraud check. They stand apart because the history database sizes its table by the second one.
 *
 * @typedef {{ operation: string, collection: string, text: string }} Query
 */

/** $1: the card's last four digits. By primary key: a millisecond.
 * @type {Query} */
export const CARD_RECORD = {
  operation: 'SELECT',
  collection: 'cards',
  text: 'SELECT chargebacks FROM cards WHERE last4 = $1',
};

/**
 * Was a dear purchase split in two before? Counts the pairs of orders that together come to $1 cents. It compares every
 * order with every other one, and no index can help: the time grows with the square of the history.
 *
 * @type {Query}
 */
export const SPLIT_PURCHASES = {
  operation: 'SELECT',
  collection: 'orders',
  text: `SELECT count(*)::int AS pairs
FROM orders AS one JOIN orders AS other ON other.id > one.id
WHERE abs(one.amount_cents + other.amount_cents - $1) <= 5`,
};
