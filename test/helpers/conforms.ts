import type { Test } from 'tap'

interface Closable { readonly close?: () => unknown }

/** Runs a suite of the package on a store, a test for each of its cases, and closes the store. */
export async function conforms<S extends object> (t: Test, store: S & Closable, suite: ReadonlyArray<{ readonly name: string, run (store: S): unknown }>): Promise<void> {
  t.teardown(() => store.close?.())
  for (const { name, run } of suite) {
    await t.test(name, async (t) => {
      await run(store)
      t.pass(name)
    })
  }
}
