import { UserError } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nanoConfig } from '../../policy/nano/config.js'
import { embodimentPrompt } from '../../policy/prompt.js'
import { defaultTokenizerJson, loadTokenizer } from '../../policy/tokenizer.js'
import { makeTokenizerJson } from '../../scripts/generators/makeTokenizer.js'
import { widowx } from './fixtures.js'

const tokenizer = loadTokenizer(defaultTokenizerJson())
const vocab = JSON.parse(defaultTokenizerJson()).model.vocab as Record<string, number>
const words = Object.fromEntries(Object.entries(vocab).map(([token, id]) => [id, token]))
const tokens = (prompt: string, length = nanoConfig.promptLength) =>
  [...tokenizer.encodePrompts([prompt], length)].filter((id) => id !== 0n).map((id) => words[Number(id)])

describe('embodimentPrompt', () => {
  it('is the template of Qwen-VLA', () => {
    expect(embodimentPrompt(widowx, 8, 'put carrot on plate')).toBe(
      'The robot is WidowX 250s with single arm. The control frequency is 5 Hz. Please predict the next 8 ' +
        'control actions to execute the following task: put carrot on plate.',
    )
    const humanoid = { ...widowx, robotTag: 'X1', arms: 'dual arms' as const, waist: true, mobileBase: true }
    expect(embodimentPrompt(humanoid, 16, 'Wave. ')).toMatch(
      /^The robot is X1 with dual arms, waist, and mobile base\. .* Wave\.$/,
    )
  })
})

describe('tokenizer', () => {
  it('is the file that its generator makes, and fits the nano vocabulary', () => {
    expect(makeTokenizerJson()).toBe(defaultTokenizerJson())
    expect(tokenizer.vocabularySize).toBe(Object.keys(vocab).length)
    expect(tokenizer.vocabularySize).toBeLessThanOrEqual(nanoConfig.vocabularySize)
  })

  it.each([
    'put carrot on plate',
    'stack the green block on the yellow block',
    'put the spoon on the towel',
    'put eggplant into yellow basket',
    'pick coke can',
    'move blue plastic bottle near pepsi can',
    'place apple into top drawer',
    'Open middle drawer',
    'stack the two carrots, then close 3 drawers',
  ])('knows every word of "%s" within 48 tokens', (instruction) => {
    expect(tokens(embodimentPrompt(widowx, 8, instruction))).not.toContain('[UNK]')
  })

  it('lower-cases, splits punctuation, pads at the end, and maps unknown words to [UNK]', () => {
    expect(tokens('Put the Carrots, please: 250s 42!')).toEqual([
      'put',
      'the',
      'carrot',
      '##s',
      ',',
      'please',
      ':',
      '250s',
      '4',
      '##2',
      '!',
    ])
    expect(tokens('put zyzzyva on [PAD] plate')).toEqual(['put', '[UNK]', 'on', '[', '[UNK]', ']', 'plate'])
    expect([...tokenizer.encodePrompts(['put', 'put on'], 3)].map((id) => words[Number(id)])).toEqual([
      'put',
      '[PAD]',
      '[PAD]',
      'put',
      'on',
      '[PAD]',
    ])
  })

  it('never throws but for length, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(
          tokenizer.encodePrompts([text], 1000).every((id) => id >= 0n && id < tokenizer.vocabularySize),
        ).toBe(true)
      }),
    )
    expect(() => tokenizer.encodePrompts(['put it on the table'], 4)).toThrow(/5 tokens, the policy reads 4/)
    expect(() => loadTokenizer('{"model":1}')).toThrow(UserError)
    expect(() => loadTokenizer('{')).toThrow(UserError)
  })
})
