import t from 'tap'
import { faultMatrix } from '../helpers/redis-matrix.js'

t.test('a Redis that holds the keys', (t) => faultMatrix(t, 'auth'))
