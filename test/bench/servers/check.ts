import assert from 'node:assert/strict'
import { buildRow } from './contender.js'

// Ends with an error unless the row lets in and refuses as it should.
const QUOTA = 2
const [row = 'plain', redisPort] = process.argv.slice(2)
const { app, keys: [key = ''], refused } = await buildRow(row, Number(redisPort), QUOTA)
const url = await app.listen({ host: '127.0.0.1', port: 0 })

async function call (path: string, status: number, authorization?: string): Promise<Headers> {
  const response = await fetch(url + path, { headers: authorization === undefined ? {} : { authorization } })
  assert.equal(response.status, status, `${row} ${path} ${authorization}`)
  const body = await response.json()
  if (status === 200) assert.deepEqual(body, { id: 'd1', name: 'Greenhouse', online: true })
  return response.headers
}

const headers = [await call('/at-once/d1', 200, `Bearer ${key}`), await call('/wait/d1', 200, `Bearer ${key}`)]
if (row !== 'plain') {
  for (const each of headers) assert.ok([...each.keys()].filter((name) => name.startsWith('ratelimit')).length > 1)
  await call('/at-once/d1', 429, `Bearer ${key}`)
  await call('/at-once/d1', 401)
  await call('/at-once/d1', 401, 'Bearer unknown')
  for (const [other, status] of refused) await call('/at-once/d1', status, `Bearer ${other}`)
}
process.exit()
