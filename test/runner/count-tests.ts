import { Parser } from 'tap-parser'

export interface Counts { readonly passed: number, readonly failed: number }

/**
 * Counts tests, not assertions: a test without tests inside is one. A skipped test and one "to do" have failed, and so
 * has a test with others inside whose own assertions fail.
 */
export function countTests (output: string): Counts {
  const root = new Parser()
  const tree = watch(root)
  root.end(output)
  // A test may have no assertion and pass by throwing nothing; a file without a single result was cut off.
  return root.count === 0 ? { passed: 0, failed: 1 } : count(tree)
}

interface Tree { readonly parser: Parser, readonly inner: Tree[] }

function watch (parser: Parser): Tree {
  const inner: Tree[] = []
  parser.on('child', (child) => { inner.push(watch(child)) })
  return { parser, inner }
}

function count ({ parser, inner }: Tree): Counts {
  const sound = parser.ok && parser.skip === 0 && parser.todo === 0
  if (inner.length === 0) return { passed: sound ? 1 : 0, failed: sound ? 0 : 1 }
  const counts = inner.map(count)
  const passed = counts.reduce((sum, one) => sum + one.passed, 0)
  const failed = counts.reduce((sum, one) => sum + one.failed, 0)
  return { passed, failed: failed === 0 && !sound ? 1 : failed }
}
