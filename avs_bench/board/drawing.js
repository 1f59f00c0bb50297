/* numpy's default generator (PCG64, XSL-RR), so that the page draws what `--compare` draws. */

const LIMBS = 8; // of 16 bits: their products are exact numbers
const MULTIPLIER = limbs("2360ed051fc65da44385df649fccf645");

function limbs(hexadecimal) {
  return Array.from({ length: LIMBS }, (_, n) => parseInt(hexadecimal.substr(28 - 4 * n, 4), 16));
}

class Stream {
  constructor([state, increment]) {
    this.state = limbs(state);
    this.spare = new Array(LIMBS).fill(0);
    this.increment = limbs(increment);
    this.kept = -1; // the upper half of a draw of 64 bits
  }

  step() {
    const { state, spare, increment } = this;
    let carry = 0;
    for (let n = 0; n < LIMBS; n++) {
      let sum = carry + increment[n];
      for (let m = 0; m <= n; m++) sum += state[m] * MULTIPLIER[n - m];
      spare[n] = sum & 0xffff;
      carry = Math.floor(sum / 65536);
    }
    this.state = spare;
    this.spare = state;
  }

  next32() {
    if (this.kept >= 0) {
      const kept = this.kept;
      this.kept = -1;
      return kept;
    }
    this.step();
    const s = this.state;
    let low = ((s[1] ^ s[5]) << 16) | (s[0] ^ s[4]);
    let high = ((s[3] ^ s[7]) << 16) | (s[2] ^ s[6]);
    const turn = s[7] >> 10;
    if (turn & 32) [low, high] = [high, low];
    const by = turn & 31;
    if (by) [low, high] = [(low >>> by) | (high << (32 - by)), (high >>> by) | (low << (32 - by))];
    this.kept = high >>> 0;
    return low >>> 0;
  }

  /* A whole number from 0 to count - 1 (Lemire's way); count below 2^21, so that products are exact. */
  below(count) {
    let product = this.next32() * count;
    let rest = product % 4294967296;
    if (rest < count) {
      const least = (4294967296 - count) % count;
      while (rest < least) {
        product = this.next32() * count;
        rest = product % 4294967296;
      }
    }
    return Math.floor(product / 4294967296);
  }
}
