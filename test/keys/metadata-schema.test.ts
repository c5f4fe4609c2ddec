import { Type as Type034 } from '@sinclair/typebox'
import t from 'tap'
import Type1 from 'typebox'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keyring } from '../helpers/keyring.js'
import { bootError, untyped } from '../helpers/limits.js'

const team = { minLength: 2, description: 'the name of a team' }
const schemas: Record<string, object> = {
  'TypeBox 0.34': Type034.Object({
    team: Type034.String(team),
    cost: Type034.Optional(Type034.Integer({ minimum: 1 })),
    plan: Type034.Optional(Type034.Union([Type034.Literal('a'), Type034.Null()], { description: 'a plan' }))
  }, { additionalProperties: false }),
  'typebox 1.x': Type1.Object({
    team: Type1.String(team),
    cost: Type1.Optional(Type1.Integer({ minimum: 1 })),
    plan: Type1.Optional(Type1.Union([Type1.Literal('a'), Type1.Null()], { description: 'a plan' }))
  }, { additionalProperties: false }),
  'JSON Schema': {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: { team: { type: 'string', ...team }, cost: { type: 'integer', minimum: 1 }, plan: { enum: ['a', null] } },
    required: ['team'],
    additionalProperties: false
  }
}

type Notes = Record<string, string | number | boolean | null>

for (const [kind, metadata] of Object.entries(schemas)) {
  t.test(`metadata are checked by a schema of ${kind}`, async (t) => {
    const { keys } = keyring(t, { metadata })
    const issue = (metadata?: Notes) => keys.issue({ workspace: 'w1', scopes: [], metadata })
    const rounds = collectRounds()
    const patterns = collectRounds()
    for (const notes of [{ team: 'red' }, { team: 'red', cost: 1, plan: null }, { team: 'red', plan: 'a' }]) {
      rounds.add((await issue(notes)).key.metadata, notes)
    }
    const rows: Array<[Notes | undefined, RegExp]> = [
      [undefined, /^metadata\.team: must be the name of a team$/],
      [{ team: 'r' }, /^metadata\.team: must be the name of a team$/],
      [{ team: 'red', cost: 0 }, /^metadata\.cost: /],
      [{ team: 'red', cost: 1.5 }, /^metadata\.cost: /],
      [{ team: 'red', plan: 'b' }, kind === 'JSON Schema' ? /^metadata\.plan: must be "a" or null$/ : /^metadata\.plan: must be a plan$/],
      [{ team: 'red', other: 1 }, /^metadata\.other: Unexpected property$/]
    ]
    for (const [notes, detail] of rows) patterns.add(await rejection(issue(notes)), { code: 'KEY_INPUT_INVALID', detail }, JSON.stringify(notes))
    t.strictSame(rounds.seen, rounds.expected)
    t.match(patterns.seen, patterns.expected)
  })
}

t.test('JSON Schema means what it says: what each schema takes, and what it refuses', async (t) => {
  const object = (more: object) => ({ type: 'object', ...more })
  const note = (schema: object) => object({ properties: { a: schema } })
  const rows: Array<[schema: object, taken: Notes[], refused: Notes[]]> = [
    [object({}), [{}, { a: 1 }], []],
    [note({}), [{ a: 1 }, { a: null }], []],
    [note({ title: 'A note', default: 'x', type: 'string', maxLength: 2, pattern: '^x' }), [{}, { a: 'xy' }], [{ a: 'xyz' }, { a: 'y' }, { a: 1 }]],
    [note({ type: 'number', exclusiveMinimum: 0, maximum: 2, multipleOf: 0.5 }), [{ a: 1.5 }], [{ a: 0 }, { a: 3 }, { a: 0.7 }]],
    [note({ type: 'boolean' }), [{ a: true }], [{ a: 'true' }]],
    [note({ type: ['string', 'null'], minLength: 1 }), [{ a: 'x' }, { a: null }], [{ a: '' }, { a: 1 }]],
    [note({ type: 'integer', enum: [1, 2] }), [{ a: 2 }], [{ a: 3 }, { a: '1' }]],
    [note({ type: 'null', const: null }), [{ a: null }], [{ a: 0 }]],
    [note({ const: 'x' }), [{ a: 'x' }], [{ a: 'y' }]],
    [note({ anyOf: [{ type: 'boolean' }, { type: 'string', const: 'maybe' }] }), [{ a: false }, { a: 'maybe' }], [{ a: 'yes' }]],
    [object({ required: ['b'], properties: { a: {} } }), [{ b: 1 }], [{ a: 1 }]],
    [object({ minProperties: 1, maxProperties: 2 }), [{ a: 1 }], [{}, { a: 1, b: 2, c: 3 }]],
    [object({ properties: { a: { type: 'string' } }, additionalProperties: { type: 'integer' } }), [{ a: 'x', b: 1 }], [{ b: 'x' }]],
    [object({ patternProperties: { '^x-': { type: 'string' } }, additionalProperties: false }), [{ 'x-a': 'y' }], [{ 'x-a': 1 }, { y: 'y' }]],
    [object({ patternProperties: { '^x-': { type: 'string' } } }), [{ 'x-a': 'y', y: 1 }], [{ 'x-a': 1 }]],
    [Type1.Record(Type1.String(), Type1.Number()), [{ a: 1 }], [{ a: 'x' }]]
  ]
  const wrong: unknown[] = []
  for (const [metadata, taken, refused] of rows) {
    const { keys } = keyring(t, { metadata })
    const takes = async (notes: Notes) => keys.issue({ workspace: 'w1', scopes: [], metadata: notes }).then(() => true, () => false)
    for (const notes of taken) if (!await takes(notes)) wrong.push(['refused', metadata, notes])
    for (const notes of refused) if (await takes(notes)) wrong.push(['taken', metadata, notes])
  }
  t.same(wrong, [])
})

t.test('a schema with anything that would not be checked refuses to start', async (t) => {
  const note = (a: unknown) => ({ type: 'object', properties: { a } })
  const rows: Array<[metadata: unknown, message: RegExp]> = [
    ['x', /option keys\.metadata must be a schema by TypeBox, or in JSON Schema, such as Type\.Object\(\{ team: Type\.String\(\) \}\), not "x"/],
    [{}, /option keys\.metadata must have type: 'object'/],
    [{ type: 'string' }, /option keys\.metadata\.type can't be "string"/],
    [{ type: 'object', oneOf: [] }, /option keys\.metadata has oneOf, which nothing checks; known here: type, properties, patternProperties, additionalProperties, required, minProperties, maxProperties/],
    [Type1.Intersect([Type1.Object({}), Type1.Object({})]), /option keys\.metadata has allOf/],
    [note(Type1.Refine(Type1.String(), () => false)), /option keys\.metadata\.properties\.a has ~refine, which nothing checks/],
    [note({ type: 'string', format: 'email' }), /option keys\.metadata\.properties\.a has format, which nothing checks; known here: type, minLength, maxLength, pattern/],
    [note({ minLength: 1 }), /option keys\.metadata\.properties\.a has minLength, which nothing checks; known here: type$/m],
    [note({ type: 'object' }), /option keys\.metadata\.properties\.a\.type can't be "object"/],
    [note({ type: [] }), /option keys\.metadata\.properties\.a\.type can't be an array of 0/],
    [note({ type: 'string', minLength: -1 }), /option keys\.metadata\.properties\.a\.minLength can't be -1/],
    [note({ type: 'string', pattern: '(' }), /option keys\.metadata\.properties\.a\.pattern can't be "\("/],
    [note({ type: 'string', enum: [1] }), /option keys\.metadata\.properties\.a\.type can't be "string"/],
    [note({ enum: [] }), /option keys\.metadata\.properties\.a has enum/],
    [note({ const: 1, enum: [2] }), /option keys\.metadata\.properties\.a has enum, which nothing checks; known here: type, const/],
    [note({ const: {} }), /option keys\.metadata\.properties\.a\.const can't be an object/],
    [note(true), /option keys\.metadata\.properties\.a must be a schema of a note, not true/],
    [{ type: 'object', patternProperties: { a: {}, b: {} } }, /option keys\.metadata\.patternProperties must be one pattern/],
    [{ type: 'object', patternProperties: { a: {} }, properties: {} }, /patternProperties must be one pattern, without properties and required/],
    [{ type: 'object', patternProperties: { '(': {} } }, /option keys\.metadata\.patternProperties can't be an object with \(/],
    [{ type: 'object', required: 'a' }, /option keys\.metadata\.required can't be "a"/]
  ]
  const wrong: unknown[] = []
  for (const [metadata, message] of rows) {
    const error = await bootError(t, { keys: { prefix: 'acme', metadata: untyped(metadata) } })
    if (!message.test(error)) wrong.push([message, error])
  }
  t.same(wrong, [])
})
