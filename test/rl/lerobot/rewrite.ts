import { readFileSync, writeFileSync } from 'node:fs'
import { parquetReadObjects } from 'hyparquet'
import { type ColumnType, parquetBytes } from '../../../rl/lerobot/parquetWrite.js'

export type Row = Record<string, unknown>

/** Changes the rows of a parquet file; the types of its columns follow from the values of the first row. */
export async function rewriteParquet(path: string, change: (rows: Row[]) => Row[]): Promise<void> {
  const bytes = readFileSync(path)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const before = await parquetReadObjects({ file, utf8: false })
  const types = Object.fromEntries(Object.entries(before[0]).map(([name, value]) => [name, typeOf(value)]))
  const rows = change(before)
  const columns = Object.keys(rows[0]).map((name) => ({
    name,
    type: types[name],
    data: rows.map((row) => row[name]),
  }))
  writeFileSync(path, parquetBytes([columns]))
}

function typeOf(value: unknown): ColumnType {
  if (typeof value === 'bigint') return { value: 'int64' }
  if (typeof value === 'boolean') return { value: 'bool' }
  if (typeof value === 'string') return { value: 'string' }
  if (typeof value === 'number') return { value: 'float32' }
  if (!Array.isArray(value)) return { value: 'image' }
  const element = typeOf(value[0]) as { value: 'float32'; depth?: number }
  return { value: element.value, depth: (element.depth ?? 0) + 1 }
}

/** Sets a field, named by its keys with | between them, or removes it. */
export function editJson(path: string, field: string, value?: unknown): void {
  const json = JSON.parse(readFileSync(path, 'utf8'))
  const keys = field.split('|')
  const last = keys.pop()!
  const inner = keys.reduce((object, key) => object[key], json)
  if (value === undefined) delete inner[last]
  else inner[last] = value
  writeFileSync(path, JSON.stringify(json))
}
