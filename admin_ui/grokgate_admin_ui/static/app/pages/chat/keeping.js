// A drawer of records in this browser's IndexedDB.

const TABLE = "conversations";

/**
 * @template T
 * @typedef {object} Drawer
 * @property {() => Promise<T[]>} all
 * @property {(record: T) => Promise<void>} put
 * @property {(id: string) => Promise<void>} remove
 */

/**
 * Open a drawer; all it does is refused in a browser that keeps nothing.
 *
 * @template {{id: string}} T
 * @param {string} name
 * @returns {Drawer<T>}
 */
export function drawer(name) {
  /** @type {Promise<IDBDatabase> | null} */
  let opening = null;
  const run = async (
    /** @type {IDBTransactionMode} */ mode,
    /** @type {(table: IDBObjectStore) => IDBRequest} */ act,
  ) => {
    opening ??= open(name);
    const transaction = (await opening).transaction(TABLE, mode);
    const asked = act(transaction.objectStore(TABLE));
    await done(transaction);
    return asked.result;
  };
  return {
    all: () => run("readonly", (table) => table.getAll()),
    put: async (record) => void (await run("readwrite", (table) => table.put(record))),
    remove: async (id) => void (await run("readwrite", (table) => table.delete(id))),
  };
}

/**
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
function open(name) {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(name, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(TABLE, { keyPath: "id" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

/**
 * Wait until a transaction is on the disk; a full disk is told only then.
 *
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>}
 */
function done(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
