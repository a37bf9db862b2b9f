import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readFolder, writeFolder } from '../../policy/folder.js'

let root: string
let path: string
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'folder-'))
  path = join(root, 'policy')
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

const bytes = (text: string) => new TextEncoder().encode(text)
const write = (text: string) =>
  writeFolder(
    path,
    new Map([
      ['a.bin', bytes(text)],
      ['b.bin', bytes('b')],
    ]),
    { step: text },
  )
const read = () => Buffer.from(readFolder(path).read('a.bin')).toString()
const flip = (file: string, at: number) => {
  const data = fs.readFileSync(file)
  data[at] ^= 1
  fs.writeFileSync(file, data)
}

describe('writeFolder and readFolder', () => {
  it('round trip; nothing else is left beside the folder; the hash names the content', () => {
    write('one')
    const first = readFolder(path)
    expect(first.manifest).toMatchObject({ step: 'one', files: { 'b.bin': { bytes: 1 } } })
    expect(read()).toBe('one')
    write('two')
    expect(read()).toBe('two')
    expect(readFolder(path).manifest.contentHash).not.toBe(first.manifest.contentHash)
    write('one')
    expect(readFolder(path).manifest.contentHash).toBe(first.manifest.contentHash)
    expect(fs.readdirSync(root)).toEqual(['policy'])
  })

  it.each([
    ['a flipped byte', () => flip(join(path, 'a.bin'), 1), /a\.bin was changed/],
    ['a truncated file', () => fs.truncateSync(join(path, 'a.bin'), 1), /a\.bin has 1 bytes, not 3/],
    ['a missing file', () => fs.rmSync(join(path, 'b.bin')), /b\.bin cannot be read \(ENOENT\)/],
    ['a missing manifest', () => fs.rmSync(join(path, 'manifest.json')), /manifest\.json cannot be read/],
    ['a truncated manifest', () => fs.truncateSync(join(path, 'manifest.json'), 20), /not JSON/],
    ['a changed field', () => edit('"step": "one"', '"step": "two"'), /manifest\.json was changed/],
    [
      'a manifest without files',
      () => fs.writeFileSync(join(path, 'manifest.json'), '{}'),
      /no list of files/,
    ],
    [
      'a manifest that is null',
      () => fs.writeFileSync(join(path, 'manifest.json'), 'null'),
      /no list of files/,
    ],
    ['no folder', () => fs.rmSync(path, { recursive: true }), /cannot be read/],
  ])('%s is a UserError that names the file', (_, damage, message) => {
    write('one')
    damage()
    expect(read).toThrow(UserError)
    expect(read).toThrow(message)
  })

  const edit = (from: string, to: string) => {
    const file = join(path, 'manifest.json')
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(from, to))
  }

  it('neither writes nor reads outside its folder', () => {
    const outside = new Map([['../evil', bytes('x')]])
    expect(() => writeFolder(path, outside, {})).toThrow(/'..\/evil' is no file name/)
    write('one')
    edit('a.bin', '../../etc/passwd')
    expect(read).toThrow(UserError)
  })

  it('a writer that died leaves the old folder: temporary files are ignored and cleaned up', () => {
    write('old')
    const dead = join(root, '.policy.tmp-999999999-abcd')
    const alive = join(root, `.policy.tmp-${process.ppid}-abcd`)
    for (const dir of [dead, alive]) fs.mkdirSync(dir)
    fs.writeFileSync(join(dead, 'a.bin'), 'half')
    expect(read()).toBe('old')
    write('new')
    expect(read()).toBe('new')
    expect(fs.existsSync(dead)).toBe(false)
    expect(fs.existsSync(alive)).toBe(true)
  })

  it('a writer that died between the two renames leaves the old folder readable and replaceable', () => {
    write('old')
    fs.renameSync(path, join(root, '.policy.previous'))
    expect(read()).toBe('old')
    write('new')
    expect(read()).toBe('new')
    expect(fs.readdirSync(root)).toEqual(['policy'])
  })

  it('a failing write keeps the old folder', () => {
    write('old')
    expect(() => writeFolder(path, new Map([['a.bin', bytes('new')]]), { big: 1n } as never)).toThrow(
      UserError,
    )
    expect(read()).toBe('old')
    expect(fs.readdirSync(root)).toEqual(['policy'])
  })

  it('does not replace a folder that holds something else', () => {
    fs.mkdirSync(path)
    fs.writeFileSync(join(path, 'thesis.tex'), 'x')
    expect(() => write('one')).toThrow(/not ours/)
    expect(fs.readdirSync(path)).toEqual(['thesis.tex'])
    expect(fs.readdirSync(root)).toEqual(['policy'])
  })

  it('a place that cannot be written is a UserError', () => {
    fs.writeFileSync(join(root, 'file'), '')
    expect(() => writeFolder(join(root, 'file', 'policy'), new Map(), {})).toThrow(UserError)
    if (fs.existsSync('/proc/self'))
      expect(() => writeFolder('/proc/policy', new Map(), {})).toThrow(UserError)
    if (process.getuid?.() !== 0) {
      fs.chmodSync(root, 0o555)
      expect(() => write('one')).toThrow(/cannot write/)
      fs.chmodSync(root, 0o755)
    }
  })
})
