import assert from 'node:assert/strict'
import type { Row } from './contenders.js'
import type { Listening } from './messages.js'

/** Makes sure that a contender does its whole job before anything of it is measured. */
export async function probe ({ name, fields }: Row, { port, paths: [path], keys: [key = ''], weak }: Listening): Promise<void> {
  const ask = async (credential?: string): Promise<Response> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, credential === undefined ? {} : { headers: { authorization: `Bearer ${credential}` } })
    await response.arrayBuffer()
    return response
  }

  const admitted = await ask(key)
  assert.equal(admitted.status, 200, `${name} admits its key`)
  for (const field of fields) assert.ok(admitted.headers.has(field), `${name} answers with ${field}`)
  if (fields.length === 0) return

  assert.equal((await ask()).status, 401, `${name} refuses a request without a key`)
  assert.equal((await ask(`${key.slice(0, -1)}~`)).status === 200, false, `${name} refuses another key`)
  assert.equal((await ask(weak)).status, 403, `${name} refuses a key without the scope`)
}
