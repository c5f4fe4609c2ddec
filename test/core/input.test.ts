import { Type } from '@sinclair/typebox'
import t from 'tap'
import { describeSchema } from '../../lib/core/input.js'

t.test('what a value must be is described by its schema: type, bounds, or the values that are allowed', async (t) => {
  const letter = (name: string) => Type.Literal(name)
  const rows = [
    [Type.Union([letter('a'), letter('b'), letter('c')]), 'one of "a", "b", "c"'],
    [Type.Union([letter('a'), Type.Null()]), '"a" or null'],
    [Type.Integer({ minimum: 1 }), 'a whole number of at least 1'],
    [Type.Integer({ maximum: 9 }), 'a whole number of at most 9'],
    [Type.Number({ minimum: 1, maximum: 9 }), 'a number from 1 to 9'],
    [Type.String({ maxLength: 9 }), 'a string of at most 9 characters'],
    [Type.String({ minLength: 1, maxLength: 9 }), 'a string of 1 to 9 characters'],
    [Type.Array(Type.String(), { maxItems: 3 }), 'an array of at most 3 items'],
    [Type.Boolean(), 'true or false'],
  ] as const
  t.same(rows.map(([schema]) => describeSchema(schema)), rows.map(([, text]) => text))
})
