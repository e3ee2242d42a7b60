/* Constants of BLS12-381 (ethereum-light-client 4; RFC 9380), as 64-bit words, low word first, in
 * Montgomery form but where bls_priv.h says otherwise. tests/unit/test_bls.c derives each from what
 * it must be. */

#include "core/bls_priv.h"

const struct fp fp_one = FP(0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba,
                0x77ce585370525745, 0x5c071a97a256ec6d, 0x15f65ec3fa80e493);

const struct fp fp_half = FP(0x1804000000015554, 0x855000053ab00001, 0x633cb57c253c276f,
                0x6e22d1ec31ebb502, 0xd3916126f2d14ca2, 0x17fbb8571a006596);

const struct fp fp_r2 = FP(0xf4df1f341c341746, 0x0a76e6a609d104f1, 0x8de5476c4c95b6d5,
                0x67eb88a9939d83c0, 0x9a793e85b519952d, 0x11988fe592cae3aa);

const struct fp fp_r3 = FP(0xed48ac6bd94ca1e0, 0x315f831e03a7adf8, 0x9a53352a615e29dd,
                0x34c04e5e921e1761, 0x2512d43565724728, 0x0aa6346091755d4d);

const struct fp fp_half_p = FP(0xdcff7fffffffd555, 0x0f55ffff58a9ffff, 0xb39869507b587b12,
                0xb23ba5c279c2895f, 0x258dd3db21a5d66b, 0x0d0088f51cbff34d);

/* 4 */
const struct fp g1_b = FP(0xaa270000000cfff3, 0x53cc0032fc34000a, 0x478fe97a6b0a807f,
                0xb1d37ebee6ba24d7, 0x8ec9733bbf78ab2f, 0x09d645513d83de7e);

/* A cube root of 1: phi(x, y) = (beta x, y). */
const struct fp g1_beta = FP(0x30f1361b798a64e8, 0xf3b8ddab7ece5a2a, 0x16a8ca3ac61577f7,
                0xc26a2ff874fd029b, 0x3636b76660701c6e, 0x051ba4ab241b6160);

const struct g1 g1_generator = { FP(0x5cb38790fd530c16, 0x7817fc679976fff5, 0x154f95c7143ba1c1,
                                                 0xf0ae6acdf3d0e747, 0xedce6ecc21dbf440,
                                                 0x120177419e0bfb75),
        FP(0xbaac93d50ce72271, 0x8c22631a7918fd8e, 0xdd595f13570725ce, 0x51ac582950405194,
                        0x0e1c8c3fad0059c0, 0x0bbc3efc5008a26a),
        FP(0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba, 0x77ce585370525745,
                        0x5c071a97a256ec6d, 0x15f65ec3fa80e493) };

/* 4 (1 + i) */
const struct fp2 g2_b = { FP(0xaa270000000cfff3, 0x53cc0032fc34000a, 0x478fe97a6b0a807f,
                                          0xb1d37ebee6ba24d7, 0x8ec9733bbf78ab2f,
                                          0x09d645513d83de7e),
        FP(0xaa270000000cfff3, 0x53cc0032fc34000a, 0x478fe97a6b0a807f, 0xb1d37ebee6ba24d7,
                        0x8ec9733bbf78ab2f, 0x09d645513d83de7e) };

const struct g2 g2_generator = {
        { FP(0xf5f28fa202940a10, 0xb3f5fb2687b4961a, 0xa1a893b53e2ae580, 0x9894999d1a3caee9,
                          0x6f67b7631863366b, 0x058191924350bcd7),
                        FP(0xa5a9c0759e23f606, 0xaaa0c59dbccd60c3, 0x3bb17e18e2867806,
                                        0x1b1ab6cc8541b367, 0xc2b6ed0ef2158547,
                                        0x11922a097360edf3) },
        { FP(0x4c730af860494c4a, 0x597cfa1f5e369c5a, 0xe7e6856caa0a635a, 0xbbefb5e96e0d495f,
                          0x07d3a975f0ef25a2, 0x0083fd8e7e80dae5),
                        FP(0xadc0fc92df64b05d, 0x18aa270a2b1461dc, 0x86adac6a3be4eba0,
                                        0x79495c4ec93da33a, 0xe7175850a43ccaed,
                                        0x0b2bc2a163de1bf2) },
        { FP(0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba, 0x77ce585370525745,
                          0x5c071a97a256ec6d, 0x15f65ec3fa80e493),
                        FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000) }
};

/* (1 + i)^(-(p-1)/3) and (1 + i)^(-(p-1)/2) */
const struct fp2 g2_psi_x = { FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                                              0x0000000000000000, 0x0000000000000000,
                                              0x0000000000000000),
        FP(0x890dc9e4867545c3, 0x2af322533285a5d5, 0x50880866309b7e2c, 0xa20d1b8c7e881024,
                        0x14e4f04fe2db9068, 0x14e56d3f1564853a) };

const struct fp2 g2_psi_y = { FP(0x3e2f585da55c9ad1, 0x4294213d86c18183, 0x382844c88b623732,
                                              0x92ad2afd19103e18, 0x1d794e4fac7cf0b9,
                                              0x0bd592fc7d825ec8),
        FP(0x7bcfa7a25aa30fda, 0xdc17dec12a927e7c, 0x2f088dd86b4ebef1, 0xd1ca2087da74d4a7,
                        0x2da2596696cebc1d, 0x0e2b7eedbbfd87d2) };

/* (1 + i)^(k(p-1)/6): what w^k gains from x -> x^p. */
const struct fp2 fp12_gamma1[6] = {
        { FP(0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba, 0x77ce585370525745,
                          0x5c071a97a256ec6d, 0x15f65ec3fa80e493),
                        FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000) },
        { FP(0x07089552b319d465, 0xc6695f92b50a8313, 0x97e83cccd117228f, 0xa35baecab2dc29ee,
                          0x1ce393ea5daace4d, 0x08f2220fb0fb66eb),
                        FP(0xb2f66aad4ce5d646, 0x5842a06bfc497cec, 0xcf4895d42599d394,
                                        0xc11b9cba40a8e8d0, 0x2e3813cbe5a0de89,
                                        0x110eefda88847faf) },
        { FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                          0x0000000000000000, 0x0000000000000000),
                        FP(0xcd03c9e48671f071, 0x5dab22461fcda5d2, 0x587042afd3851b95,
                                        0x8eb60ebe01bacb9e, 0x03f97d6e83d050d2,
                                        0x18f0206554638741) },
        { FP(0x7bcfa7a25aa30fda, 0xdc17dec12a927e7c, 0x2f088dd86b4ebef1, 0xd1ca2087da74d4a7,
                          0x2da2596696cebc1d, 0x0e2b7eedbbfd87d2),
                        FP(0x7bcfa7a25aa30fda, 0xdc17dec12a927e7c, 0x2f088dd86b4ebef1,
                                        0xd1ca2087da74d4a7, 0x2da2596696cebc1d,
                                        0x0e2b7eedbbfd87d2) },
        { FP(0x890dc9e4867545c3, 0x2af322533285a5d5, 0x50880866309b7e2c, 0xa20d1b8c7e881024,
                          0x14e4f04fe2db9068, 0x14e56d3f1564853a),
                        FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000) },
        { FP(0x82d83cf50dbce43f, 0xa2813e53df9d018f, 0xc6f0caa53c65e181, 0x7525cf528d50fe95,
                          0x4a85ed50f4798a6b, 0x171da0fd6cf8eebd),
                        FP(0x3726c30af242c66c, 0x7c2ac1aad1b6fe70, 0xa04007fbba4b14a2,
                                        0xef517c3266341429, 0x0095ba654ed2226b,
                                        0x02e370eccc86f7dd) }
};

/* The same for x -> x^(p^2); these lie in Fp. */
const struct fp fp12_gamma2[6] = { FP(0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba,
                                                   0x77ce585370525745, 0x5c071a97a256ec6d,
                                                   0x15f65ec3fa80e493),
        FP(0xecfb361b798dba3a, 0xc100ddb891865a2c, 0x0ec08ff1232bda8e, 0xd5c13cc6f1ca4721,
                        0x47222a47bf7b5c04, 0x0110f184e51c5f59),
        FP(0x30f1361b798a64e8, 0xf3b8ddab7ece5a2a, 0x16a8ca3ac61577f7, 0xc26a2ff874fd029b,
                        0x3636b76660701c6e, 0x051ba4ab241b6160),
        FP(0x43f5fffffffcaaae, 0x32b7fff2ed47fffd, 0x07e83a49a2e99d69, 0xeca8f3318332bb7a,
                        0xef148d1ea0f4c069, 0x040ab3263eff0206),
        FP(0xcd03c9e48671f071, 0x5dab22461fcda5d2, 0x587042afd3851b95, 0x8eb60ebe01bacb9e,
                        0x03f97d6e83d050d2, 0x18f0206554638741),
        FP(0x890dc9e4867545c3, 0x2af322533285a5d5, 0x50880866309b7e2c, 0xa20d1b8c7e881024,
                        0x14e4f04fe2db9068, 0x14e56d3f1564853a) };

/* RFC 9380, 8.8.2: A = 240 i, B = 1012 (1 + i), Z = -(2 + i). */
const struct fp2 sswu_a = { FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                                            0x0000000000000000, 0x0000000000000000,
                                            0x0000000000000000),
        FP(0xe53a000003135242, 0x01080c0fdef80285, 0xe7889edbe340f6bd, 0x0b51375126310601,
                        0x02d6985717c744ab, 0x1220b4e979ea5467) };

const struct fp2 sswu_b = { FP(0x22ea00000cf89db2, 0x6ec832df71380aa4, 0x6e1b94403db5a66e,
                                            0x75bf3c53a79473ba, 0x3dd3a569412c0a34,
                                            0x125cdb5e74dc4fd1),
        FP(0x22ea00000cf89db2, 0x6ec832df71380aa4, 0x6e1b94403db5a66e, 0x75bf3c53a79473ba,
                        0x3dd3a569412c0a34, 0x125cdb5e74dc4fd1) };

const struct fp2 sswu_z = { FP(0x87ebfffffff9555c, 0x656fffe5da8ffffa, 0x0fd0749345d33ad2,
                                            0xd951e663066576f4, 0xde291a3d41e980d3,
                                            0x0815664c7dfe040d),
        FP(0x43f5fffffffcaaae, 0x32b7fff2ed47fffd, 0x07e83a49a2e99d69, 0xeca8f3318332bb7a,
                        0xef148d1ea0f4c069, 0x040ab3263eff0206) };

/* RFC 9380, E.3: numerators of the isogeny, from degree 0. */
const struct fp2 iso_xn[4] = {
        { FP(0x47f671c71ce05e62, 0x06dd57071206393e, 0x7c80cd2af3fd71a2, 0x048103ea9e6cd062,
                          0xc54516acc8d037f6, 0x13808f550920ea41),
                        FP(0x47f671c71ce05e62, 0x06dd57071206393e, 0x7c80cd2af3fd71a2,
                                        0x048103ea9e6cd062, 0xc54516acc8d037f6,
                                        0x13808f550920ea41) },
        { FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                          0x0000000000000000, 0x0000000000000000),
                        FP(0x5fe55555554c71d0, 0x873fffdd236aaaa3, 0x6a6b4619b26ef918,
                                        0x21c2888408874945, 0x2836cda7028cabc5,
                                        0x0ac73310a7fd5abd) },
        { FP(0x0a0c5555555971c3, 0xdb0c00101f9eaaae, 0xb1fb2f941d797997, 0xd3960742ef416e1c,
                          0xb70040e2c20556f4, 0x149d7861e581393b),
                        FP(0xaff2aaaaaaa638e8, 0x439fffee91b55551, 0xb535a30cd9377c8c,
                                        0x90e144420443a4a2, 0x941b66d3814655e2,
                                        0x0563998853fead5e) },
        { FP(0x40aac71c71c725ed, 0x190955557a84e38e, 0xd817050a8f41abc3, 0xd86485d4c87f6fb1,
                          0x696eb479f885d059, 0x198e1a74328002d2),
                        FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000) }
};

const struct fp2 iso_yn[4] = {
        { FP(0x96d8f684bdfc77be, 0xb530e4f43b66d0e2, 0x184a88ff379652fd, 0x57cb23ecfae804e1,
                          0x0fd2e39eada3eba9, 0x08c8055e31c5d5c3),
                        FP(0x96d8f684bdfc77be, 0xb530e4f43b66d0e2, 0x184a88ff379652fd,
                                        0x57cb23ecfae804e1, 0x0fd2e39eada3eba9,
                                        0x08c8055e31c5d5c3) },
        { FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                          0x0000000000000000, 0x0000000000000000),
                        FP(0xbf0a71c71c91b406, 0x4d6d55d28b7638fd, 0x9d82f98e5f205aee,
                                        0xa27aa27b1d1a18d5, 0x02c3b2b2d2938e86,
                                        0x0c7d13420b09807f) },
        { FP(0xd7f9555555531c74, 0x21cffff748daaaa8, 0x5a9ad1866c9bbe46, 0x4870a2210221d251,
                          0x4a0db369c0a32af1, 0x02b1ccc429ff56af),
                        FP(0xe205aaaaaaac8e37, 0xfcdc000768795556, 0x0c96011a8a1537dd,
                                        0x1c06a963f163406e, 0x010df44c82a881e6,
                                        0x174f45260f808feb) },
        { FP(0xa470bda12f67f35c, 0xc0fe38e23327b425, 0xc9d3d0f2c6f0678d, 0x1c55c9935b5a982e,
                          0x27f6c0e2f0746764, 0x117c5e6e28aa9054),
                        FP(0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000, 0x0000000000000000,
                                        0x0000000000000000) }
};

/* 6 (1 - i): the denominators are the square and the cube of x plus this. */
const struct fp2 iso_z = { FP(0x223b00000013aa97, 0xee5c004d21a40010, 0x37bf74e7253745ac,
                                           0xd881985be054ade3, 0xb0a058fe7d8f2a5b,
                                           0x01c0df04bf85da70),
        FP(0x97c3ffffffec0014, 0x304fffb18fafffef, 0x2f715db9d179b077, 0x8bf5b329133064dc,
                        0x9a7b4eb7c5bc827b, 0x184032e579fa0c29) };
