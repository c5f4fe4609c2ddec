import ts from 'typescript'

/** Methods of tap that assert, without `fail`: a loop that fails has something to say in that round alone. */
const ASSERTIONS = new Set([
  'ok', 'notOk', 'pass', 'type', 'equal', 'not', 'same', 'notSame', 'strictSame', 'strictNotSame',
  'match', 'notMatch', 'matchOnly', 'has', 'notHas', 'hasStrict', 'notHasStrict', 'hasProp', 'hasProps',
  'throws', 'doesNotThrow', 'rejects', 'resolves', 'resolveMatch'
])
/** Methods that call what they are given more than once. */
const LOOPS = new Set(['forEach', 'map', 'flatMap', 'filter', 'property', 'asyncProperty'])

/** Where a test asserts in each round of a loop, or in each run of a property: `file:line`. */
export function assertionsInLoops (file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isAssertion(node) && isRepeated(node)) {
      found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function isAssertion ({ expression }: ts.CallExpression): boolean {
  return ts.isPropertyAccessExpression(expression) && ASSERTIONS.has(expression.name.text) &&
    ts.isIdentifier(expression.expression) && expression.expression.text === 't'
}

/** Looks outward, up to the function that the assertion is in. */
function isRepeated (assertion: ts.Node): boolean {
  for (let node = assertion; node.parent !== undefined; node = node.parent) {
    const { parent } = node
    if (ts.isIterationStatement(parent, false) && parent.statement === node) return true
    if (!ts.isFunctionLike(parent)) continue
    const { parent: call } = parent
    return ts.isCallExpression(call) && ts.isPropertyAccessExpression(call.expression) &&
      LOOPS.has(call.expression.name.text)
  }
  return false
}
