import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:net'
import { exchange, request } from '../doors.js'
import type { Secrets } from './target.js'

/** The header line that presents a key. */
export type Present = (key: string) => string

export const asBearer: Present = (key) => `Authorization: Bearer ${key}`

/** Every kind of request, with a secret in every place that a request has. */
export function requestsWith ({ keys, words }: Secrets, authorization: Present): string[] {
  const reader = authorization(keys.reader)
  const send = (line: string, ...fields: string[]) => request(`${line} HTTP/1.1`, 'Host: api.example.com', `Cookie: session=${words.cookie}`, `Proxy-Authorization: Basic ${words.proxy}`, 'Connection: close', ...fields)
  const post = (body: string, ...fields: string[]) => send('POST /devices', `Content-Length: ${Buffer.byteLength(body)}`, ...fields) + body
  const json = 'Content-Type: application/json'
  const upgrade = ['Connection: Upgrade, close', 'Upgrade: test']
  const basic = Buffer.from(`user:${words.basic}`).toString('base64')
  const jwt = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(JSON.stringify({ jti: words.basic })).toString('base64url')}.c2lnbmF0dXJl`

  const targets = [
    '/devices', `/devices?k=${words.query}`, `/devices?api_key=${keys.reader}`, `/devices?api_key=${keys.unknown}&b=${words.query}`, `/devices#${words.fragment}`,
    `/devices?access_token=${keys.reader}`, `/devices/${keys.reader}`, `/devices/x?${words.query}`, `/nowhere?k=${words.query}`, `/nowhere/${keys.unknown}`, `/nowhere#${words.fragment}`,
    `/%zz?k=${words.query}`, `/%zz${keys.reader}`, `/devices/%E0%A4%A?${words.query}`, `/devices/${'long'.repeat(30)}?${words.query}`,
    `http://user:${words.user}@api.example.com/devices?k=${words.query}`, `//user:${words.user}@x/?${words.query}`, `/throws?k=${words.query}`, `/sends-twice?k=${words.query}`, `/open?k="${words.query}`,
    `/devices?k=%22\\"${words.query}`, `/heavy?k=${words.query}`, `*?k=${words.query}`
  ]
  const credentials = [
    undefined, reader, authorization(keys.poor), authorization(keys.outage), authorization(keys.sandbox), authorization(keys.unknown), authorization(keys.almost),
    authorization(jwt), `Authorization: Basic ${basic}`, `Authorization: Bearer\t${keys.reader}`, `Authorization: Bearer${keys.reader}`, `Authorization: Bearer ${keys.reader},${words.basic}`,
    `Authorization: ${keys.reader}`, `X-Api-Key: ${keys.reader}`, `X-Acme: ${keys.reader}, ${words.basic}`, `${reader}\r\nX-Api-Key: ${words.basic}`, `Authorization: Basic ${Buffer.from(`${keys.reader}:`).toString('base64')}`, `Authorization: Bearer ${keys.reader}${'x'.repeat(300)}`, `${reader}\r\n${reader}`,
    ...['throws-fault', 'throws-named', 'throws-text', 'throws-object', 'throws-trap', 'quotes-token', 'rejects', 'no-principal'].map((way) => authorization(`${way}.${words.faultToken}`)),
    authorization(`never.${words.faultToken}`)
  ]
  return [
    ...targets.flatMap((target) => [send(`GET ${target}`), send(`HEAD ${target}`, reader), send(`OPTIONS ${target}`)]),
    ...credentials.map((credential) => send('GET /devices', ...credential === undefined ? [] : [credential])),
    ...credentials.slice(0, 6).map((credential) => send(`GET /devices?access_token=${keys.reader}`, ...credential === undefined ? [] : [credential])),
    ...credentials.slice(0, 10).map((credential) => request(`GET /events?k=${words.query} HTTP/1.1`, 'Host: a', ...upgrade, ...credential === undefined ? [] : [credential])),
    send('OPTIONS /devices', 'Origin: https://b.example', 'Access-Control-Request-Method: GET', reader),
    send('PUT /devices', reader), send('TRACE /devices', reader), send('GET /heavy', reader), send('GET /open', `Host: ${keys.reader}`), send('GET /open', `X-Request-Id: ${keys.reader}`),
    send('GET /open', 'Accept-Version: 9'), send('GET /devices', reader, 'X-Forwarded-Proto: javascript', `X-Forwarded-For: ${keys.reader}`),
    post(`{"name":"${words.body}"}`, reader, json), post(`{"${words.body}":1}`, reader, json), post(`{"name":${words.body}`, reader, json), post(`{"__proto__":"${words.body}"}`, reader, json),
    post(words.form, reader, `Content-Type: application/x-${words.form}`), post(`{"name":"${words.body.repeat(60)}"}`, reader, json), post(`{"name":"${words.body}"}`, json), post('{"name":"a"}', reader, json),
    `GET /?k=${words.query} HTTP/9.9\r\nHost: a\r\n${reader}\r\n\r\n`, `GET /?k=${words.query} HTTP/1.1\r\nHost: a\r\n${reader}\r\nno colon ${words.query}\r\n\r\n`,
    `GET /?k=${words.query} HTTP/1.1\r\nHost: a\r\n${reader}\r\nX: \x00\r\n\r\n`, `${keys.reader} / HTTP/1.1\r\n\r\n`, `GET / HTTP/1.1\r\nHost: a\r\n${reader}\r\nX: ${words.cookie.repeat(600)}\r\n\r\n`,
    `POST /devices HTTP/1.1\r\nHost: a\r\n${reader}\r\n${json}\r\nTransfer-Encoding: chunked\r\n\r\n${words.body}\r\n`,
    `CONNECT ${words.query}:443 HTTP/1.1\r\nHost: a\r\n${reader}\r\n\r\n`, `GET / HTTP/1.0\r\n${reader}\r\n\r\n`, `GET /?${words.query}\r\n\r\n`
  ]
}

/** Sends them all, breaks some off in the middle, guesses until it is locked out, and returns all that was answered. */
export async function sweep (port: number, secrets: Secrets, present = asBearer): Promise<string[]> {
  const requests = requestsWith(secrets, present)
  const answers: string[] = []
  for (const bytes of requests) answers.push((await exchange(port, bytes)).text)
  for (const bytes of requests) await breakOff(port, bytes)
  for (let i = 0; i < 35; i++) answers.push((await exchange(port, request(`GET /devices?k=${secrets.words.query} HTTP/1.1`, 'Host: a', present(secrets.keys.reader), 'Connection: close'))).text)
  for (const name of ['almost', 'unknown', 'almost'] as const) {
    const guess = request('GET /devices HTTP/1.1', 'Host: a', present(secrets.keys[name]), 'Connection: close')
    for (let i = 0; i < 25; i++) answers.push((await exchange(port, guess)).text)
  }
  await pause(80)
  return answers
}

async function breakOff (port: number, bytes: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  socket.write(bytes.slice(0, Math.floor(bytes.length * 0.7)), () => socket.resetAndDestroy())
  await closed
}

/** Which refusals and statuses came: a sweep that reached nothing proves nothing. */
export function reached (answers: readonly string[]): string[] {
  return [...new Set(answers.map((text) => `${text.slice(9, 12)} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ''}`.trim()))].sort()
}
