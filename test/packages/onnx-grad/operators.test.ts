import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { differentiableOperators, flatOperators } from '@vla-gym/onnx-grad'
import { expect, it } from 'vitest'
import { families } from './cases/index.js'
import { caseModel } from './finiteDifferences.js'

const document = readFileSync(join(import.meta.dirname, '../../../docs/operators.md'), 'utf8')
const rows = [...document.matchAll(/^\| ([A-Z]\w*(?:, \w+)*) \|.*\| ([a-z, ]+) \|$/gm)].map(
  ([, operators, cases]) => ({
    operators: operators.split(', '),
    cases: cases.split(', '),
  }),
)

it('docs/operators.md has every operator with a gradient once, and no other', () => {
  expect(rows.flatMap(({ operators }) => operators).sort()).toEqual(differentiableOperators())
})

it('docs/operators.md has every operator without slope', () => {
  const [, list] = /^Zero by definition, [^:]*: ([^.]*), and every operator$/ms.exec(document)!
  expect(list.replaceAll('\n', ' ').split(', ').sort()).toEqual(flatOperators())
})

it('every operator occurs in the cases that its row names', () => {
  const operatorsOf = new Map(
    Object.entries(families).map(([family, cases]) => [
      family,
      new Set(cases.flatMap((test) => caseModel(test, 'float32').nodes.map(({ op }) => op))),
    ]),
  )
  for (const { operators, cases } of rows) {
    expect(
      cases.filter((family) => !operatorsOf.has(family)),
      `cases of ${operators}`,
    ).toEqual([])
    for (const op of operators)
      expect(
        cases.some((family) => operatorsOf.get(family)!.has(op)),
        `${op} in ${cases}`,
      ).toBe(true)
  }
})
