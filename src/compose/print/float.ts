/** A number that Go holds as a float, so that it is printed as Go prints one. */

export class Float {
  readonly value: number;
  readonly bits: 32 | 64;

  constructor(value: number, bits: 32 | 64) {
    this.value = value;
    this.bits = bits;
  }

  /** The shortest digits that read back as the same float, with the power of ten of the first. */
  #digits(): { sign: string; digits: string; exponent: number } {
    const size = Math.abs(this.value);
    const text = this.bits === 32 ? shortest32(size) : size.toExponential();
    const [mantissa = "", exponent = "0"] = text.split("e");
    return { sign: this.value < 0 ? "-" : "", digits: mantissa.replace(".", ""), exponent: Number(exponent) };
  }

  /** As `strconv.FormatFloat(x, 'g', -1, bits)`, YAML's form and that of `fmt.Sprint`. */
  general(): string {
    return this.#write({ least: -4, tooGreat: 6, powerDigits: 2 });
  }

  /** As Go's JSON encoder. */
  json(): string {
    return this.#write({ least: -6, tooGreat: 21, powerDigits: 1 });
  }

  #write({ least, tooGreat, powerDigits }: { least: number; tooGreat: number; powerDigits: number }): string {
    if (Number.isNaN(this.value)) return ".nan";
    if (!Number.isFinite(this.value)) return this.value < 0 ? "-.inf" : "+.inf";
    const { sign, digits, exponent } = this.#digits();
    if (exponent < least || exponent >= tooGreat) {
      const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
      const power = String(Math.abs(exponent)).padStart(powerDigits, "0");
      return `${sign}${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${power}`;
    }
    if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
    const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
    const fraction = digits.slice(exponent + 1);
    return `${sign}${whole}${fraction === "" ? "" : `.${fraction}`}`;
  }
}

function shortest32(size: number): string {
  const wanted = Math.fround(size);
  for (let places = 0; places < 9; places++) {
    const text = wanted.toExponential(places);
    if (Math.fround(Number(text)) === wanted) return text.replace(/\.?0*e/, "e");
  }
  return wanted.toExponential();
}
