import { describe, it } from 'vitest'
import { families } from './cases/index.js'
import { checkCase } from './finiteDifferences.js'

/** A new operator is a row in one of the tables under cases/. */
describe('gradient against central differences', () => {
  for (const [family, cases] of Object.entries(families))
    describe(family, () => {
      it.each(cases)('$name', checkCase)
    })
})
