export const ROWS: ReadonlyMap<string, string> = new Map([
  'plain', 'handwritten-memory', 'latchkey-memory', 'glued-memory', 'latchkey-redis', 'glued-redis'
].map((row) => [row, row]))

export interface Workload {
  readonly name: string
  /** Path under which all servers have the handler. */
  readonly path: string
  readonly connections: number
}

/** Handlers that answer at once, and handlers that wait for 2 ms as for a database. */
export const WORKLOADS: ReadonlyMap<string, Workload> = new Map(['at-once', 'wait'].flatMap((handler) =>
  [1, 10, 50, 200].map((connections) => {
    const name = `${handler}-${connections}`
    return [name, { name, path: `/${handler}/d1`, connections }]
  })))

export interface Plan {
  readonly rows: readonly string[]
  readonly workloads: readonly Workload[]
  readonly rounds: number
  /** Of load, for each row and workload in each round. */
  readonly seconds: number
}

/** @param names separated by commas @throws TypeError when one of them is missing from the named items */
export function pick<T> (items: ReadonlyMap<string, T>, names: string): T[] {
  return names.split(',').map((name) => {
    const item = items.get(name)
    if (item === undefined) throw new TypeError(`${name} is unknown; write some of ${[...items.keys()].join()}`)
    return item
  })
}
