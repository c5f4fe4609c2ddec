import t from 'tap'
import { faultMatrix } from '../helpers/redis-matrix.js'

t.test('a Redis that counts', (t) => faultMatrix(t, 'limits'))
