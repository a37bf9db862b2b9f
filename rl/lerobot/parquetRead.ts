import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { UserError } from '@vla-gym/gymnasium'
import { type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet'

const compressors = {
  GZIP: (input: Uint8Array) => gunzipSync(input),
  BROTLI: (input: Uint8Array) => brotliDecompressSync(input),
}

/** A parquet file that is read column by column; close it. */
export class ParquetFile {
  readonly path: string
  readonly rows: number
  readonly columns: readonly string[]
  /** First row of every row group, and the number of rows at the end. */
  readonly groupStarts: readonly number[]
  private readonly file: number
  private readonly buffer: { byteLength: number; slice(start: number, end?: number): ArrayBuffer }
  private readonly metadata: FileMetaData

  private constructor(path: string, file: number, buffer: ParquetFile['buffer'], metadata: FileMetaData) {
    this.path = path
    this.file = file
    this.buffer = buffer
    this.metadata = metadata
    this.rows = Number(metadata.num_rows)
    this.columns = parquetSchema(metadata).children.map(({ element }) => element.name)
    const starts = [0]
    for (const group of metadata.row_groups) starts.push(starts.at(-1)! + Number(group.num_rows))
    this.groupStarts = starts
  }

  /** @throws UserError for a file that is missing or not parquet */
  static async open(path: string): Promise<ParquetFile> {
    let file: number
    try {
      file = openSync(path, 'r')
    } catch (error) {
      throw new UserError(`${path}: cannot be read (${(error as Error).message})`)
    }
    const byteLength = fstatSync(file).size
    const buffer = {
      byteLength,
      slice(start: number, end = byteLength) {
        const bytes = new Uint8Array(end - start)
        readSync(file, bytes, 0, bytes.length, start)
        return bytes.buffer
      },
    }
    try {
      return new ParquetFile(path, file, buffer, await parquetMetadataAsync(buffer))
    } catch (error) {
      closeSync(file)
      throw broken(path, error)
    }
  }

  close(): void {
    closeSync(this.file)
  }

  /**
   * Values of some columns in rows `start` ... `end`. `visit` gets pieces of a column: values of the rows from `row` on.
   * @throws UserError for a missing column or a file that is broken
   */
  async read(
    columns: readonly string[],
    visit: (column: string, row: number, values: ArrayLike<unknown>) => void,
    start = 0,
    end = this.rows,
  ): Promise<void> {
    for (const column of columns) {
      if (!this.columns.includes(column)) {
        throw new UserError(`${this.path}: column '${column}' is missing; it has ${this.columns.join(', ')}`)
      }
    }
    const pieces: { column: string; row: number; values: ArrayLike<unknown> }[] = []
    try {
      await parquetRead({
        file: this.buffer,
        metadata: this.metadata,
        columns: [...columns],
        rowStart: start,
        rowEnd: end,
        utf8: false,
        compressors,
        onChunk: ({ columnName, columnData, rowStart }) =>
          pieces.push({ column: columnName, row: rowStart, values: columnData }),
      })
    } catch (error) {
      throw broken(this.path, error)
    }
    // The reader hands over whole pages, which may reach beyond the rows asked for.
    for (const { column, row, values } of pieces) {
      const [from, to] = [Math.max(start, row), Math.min(end, row + values.length)]
      if (from < to) visit(column, from, Array.prototype.slice.call(values, from - row, to - row))
    }
  }

  /** One column as a list. */
  async column(name: string): Promise<unknown[]> {
    const out: unknown[] = new Array(this.rows)
    await this.read([name], (_, row, values) => {
      for (let i = 0; i < values.length; i++) out[row + i] = values[i]
    })
    return out
  }
}

function broken(path: string, error: unknown): UserError {
  return new UserError(
    `${path}: not readable as parquet (${String(error instanceof Error ? error.message : error).replace(/\s+/g, ' ')})`,
  )
}

/**
 * Numbers of some columns, [rows, sizes[column]] each. Values may be numbers, 64-bit integers, booleans, or lists of
 * these of any depth.
 * @throws UserError naming file, row and field of a value that is missing, of another length, or not finite
 */
export async function readNumbers(
  file: ParquetFile,
  sizes: Readonly<Record<string, number>>,
): Promise<Record<string, Float64Array>> {
  const names = Object.keys(sizes)
  const out = Object.fromEntries(names.map((name) => [name, new Float64Array(file.rows * sizes[name])]))
  const numbers: number[] = []
  await file.read(names, (name, first, values) => {
    const size = sizes[name]
    const flat = out[name]
    for (let i = 0; i < values.length; i++) {
      const row = first + i
      numbers.length = 0
      flatten(values[i], numbers)
      const wrong = (what: string) => new UserError(`${file.path}, row ${row}: field '${name}' ${what}`)
      if (numbers.length !== size) throw wrong(`has ${numbers.length} numbers, expected ${size}`)
      for (let k = 0; k < size; k++) {
        if (!Number.isFinite(numbers[k])) throw wrong(`holds ${numbers[k]} in channel ${k}`)
        flat[row * size + k] = numbers[k]
      }
    }
  })
  return out
}

/** A value that is not a number becomes NaN. */
function flatten(value: unknown, out: number[]): void {
  if (typeof value === 'number') out.push(value)
  else if (typeof value === 'bigint' || typeof value === 'boolean') out.push(Number(value))
  else if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    for (const element of value as ArrayLike<unknown> & Iterable<unknown>) flatten(element, out)
  } else out.push(Number.NaN)
}
