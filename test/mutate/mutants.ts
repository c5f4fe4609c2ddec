import ts from 'typescript'

/** One change of one place in a source file. */
export interface Mutant {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly start: number
  readonly end: number
  /** What takes the place of the text from `start` to `end`. */
  readonly replacement: string
}

/** Where a node is replaced, and by what. */
type Change = readonly [start: number, end: number, replacement: string]

/** All changes that are tried in a file, in the order of its text. Types, imports and names of fields stay. */
export function mutantsOf (file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
  const found: Mutant[] = []

  function visit (node: ts.Node): void {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return
    for (const [start, end, replacement] of changesOf(node)) {
      const line = source.getLineAndCharacterOfPosition(start).line + 1
      found.push({ file, line, start, end, replacement })
    }
    ts.forEachChild(node, visit)
  }

  visit(source)
  return found
}

/** What a person reads of a mutant. */
export function describe ({ file, line, start, end, replacement }: Mutant, text: string): string {
  const short = (code: string) => {
    const one = code.replaceAll(/\s+/g, ' ')
    return one.length > 70 ? `${one.slice(0, 67)}...` : one
  }
  return `${file}:${line}  ${short(text.slice(start, end))}  →  ${short(replacement) || '(nothing)'}`
}

const OPERATORS: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
  [ts.SyntaxKind.PlusToken, '-'],
  [ts.SyntaxKind.MinusToken, '+'],
  [ts.SyntaxKind.AsteriskToken, '/'],
  [ts.SyntaxKind.SlashToken, '*']
])

const METHODS: ReadonlyMap<string, string> = new Map([
  ['some', 'every'], ['every', 'some'], ['min', 'max'], ['max', 'min'], ['floor', 'ceil'], ['ceil', 'floor'],
  ['startsWith', 'endsWith'], ['endsWith', 'startsWith']
])

function changesOf (node: ts.Node): Change[] {
  const [start, end] = [node.getStart(), node.getEnd()]
  const by = (...texts: readonly string[]): Change[] => texts.map((text) => [start, end, text])
  if (ts.isBinaryExpression(node)) return changesOfBinary(node)
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) return by(node.operand.getText())
  if (node.kind === ts.SyntaxKind.TrueKeyword) return by('false')
  if (node.kind === ts.SyntaxKind.FalseKeyword) return by('true')
  if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) return changesOfCondition(node)
  if (ts.isNumericLiteral(node)) return by(...[1, -1].map((step) => `(${Number(node.text.replaceAll('_', '')) + step})`))
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return isValue(node) ? by(node.text === '' ? "'x'" : "''") : []
  if (ts.isTemplateExpression(node)) return by("''")
  if (ts.isArrayLiteralExpression(node)) return node.elements.length > 0 && isValue(node) ? by('[]') : []
  if (ts.isRegularExpressionLiteral(node)) return by(...withoutAnchors(node.text))
  if (ts.isAwaitExpression(node)) return isReturned(node) ? [] : by(`(${node.expression.getText()})`)
  if (ts.isExpressionStatement(node)) return ts.isStringLiteral(node.expression) ? [] : by(';')
  if (ts.isThrowStatement(node)) return by(';')
  if (ts.isPropertyAccessExpression(node)) return changesOfMethod(node)
  return []
}

function changesOfBinary ({ left, operatorToken, right, parent }: ts.BinaryExpression): Change[] {
  const whole = (text: string): Change => [left.getStart(), right.getEnd(), text]
  if (operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) return [whole(left.getText())]
  const other = OPERATORS.get(operatorToken.kind)
  // A sum of texts is no sum: it is a message on several lines.
  const isText = [left, right, parent].some((one) => ts.isStringLiteral(one) || ts.isTemplateExpression(one))
  if (other === undefined || (isText && operatorToken.kind === ts.SyntaxKind.PlusToken)) return []
  return [[operatorToken.getStart(), operatorToken.getEnd(), other]]
}

/** Of a comparison the operator is changed, so that one of both constants says little more. */
function changesOfCondition (node: ts.IfStatement | ts.ConditionalExpression): Change[] {
  const condition = ts.isIfStatement(node) ? node.expression : node.condition
  return ['true', 'false'].map((text) => [condition.getStart(), condition.getEnd(), text])
}

function changesOfMethod ({ name }: ts.PropertyAccessExpression): Change[] {
  const other = METHODS.get(name.text)
  return other === undefined ? [] : [[name.getStart(), name.getEnd(), other]]
}

function withoutAnchors (pattern: string): string[] {
  const [first, last] = [pattern.replace('/^', '/'), pattern.replace(/\$(\/[a-z]*)$/, '$1')]
  return [first, last].filter((other) => other !== pattern)
}

/** Names of fields and of modules are no values, nor is what an assignment takes apart. */
function isValue (node: ts.Expression): boolean {
  const { parent } = node
  if (ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword) return false
  if (ts.isBinaryExpression(parent) && parent.left === node && parent.operatorToken.kind === ts.SyntaxKind.EqualsToken) return false
  return !('name' in parent && parent.name === node)
}

/** `return await` differs from `return` inside `try` alone. */
function isReturned (node: ts.AwaitExpression): boolean {
  if (!ts.isReturnStatement(node.parent) && !ts.isArrowFunction(node.parent)) return false
  for (let one: ts.Node = node; !ts.isFunctionLike(one) && !ts.isSourceFile(one); one = one.parent) {
    if (ts.isTryStatement(one)) return false
  }
  return true
}
