/**
 * What a word means to the SQL grammar of sql-signs.ts, as one character a kind.
 * The words are those of MySQL, PostgreSQL, SQL Server, Oracle, SQLite and DB2 together.
 */
const KEYWORDS: readonly (readonly [kind: string, words: string])[] = [
  ["U", "union except intersect"],
  ["A", "all distinct distinctrow"],
  ["S", "select"],
  ["F", "from"],
  ["W", "where"],
  ["H", "having"],
  ["O", "order"],
  ["G", "group"],
  ["B", "by"],
  ["L", "limit"],
  ["I", "into"],
  ["K", "outfile dumpfile"],
  ["C", "case"],
  ["N", "when"],
  ["T", "then"],
  ["E", "else"],
  ["D", "end"],
  ["!", "not"],
  ["0", "null"],
  ["i", "is"],
  ["j", "in"],
  ["b", "between"],
  ["x", "exists"],
  ["a", "as"],
  ["&", "and or xor div"],
  ["~", "like rlike regexp ilike glob sounds similar"],
  ["1", "true false"],
  ["r", "insert replace"],
  ["u", "update"],
  ["t", "set"],
  ["e", "delete"],
  ["p", "drop alter create truncate"],
  ["o", "table database schema view procedure trigger index login column tablespace"],
  ["X", "exec execute call"],
  ["y", "declare"],
  ["g", "waitfor"],
  ["$", "shutdown"],
  ["R", "values"],
  ["M", "users passwords passwd credentials sys_user tbl_user tbl_users wp_users admin_users user_data"],
  ["m", "sysobjects syscolumns sysusers sysdatabases sqlite_master sqlite_schema pg_shadow pg_user pg_class"],
  ["m", "pg_database pg_tables pg_roles pg_stat_activity all_tables all_users all_tab_columns user_tables"],
  ["m", "user_tab_columns dba_users dba_tables dba_role_privs dual sysserverse msysobjects session_privs"],
  ["V", "current_user session_user system_user current_database current_schema"],
  // Procedures that are only ever called to leave the database: their name alone is enough.
  ["h", "xp_cmdshell xp_dirtree xp_regread xp_regwrite xp_fileexist sp_oacreate sp_configure sp_executesql"],
  ["h", "sp_password sp_makewebtask xp_availablemedia xp_enumdsn xp_terminate_process"],
];

/** Functions an attack is made of: their name and an opening parenthesis are enough. */
const HOT_CALLS =
  "pg_sleep pg_sleep_for extractvalue updatexml load_file name_const load_extension randomblob zeroblob make_set benchmark " +
  "group_concat regexp_substring crypt_key gtid_subset gtid_subtract httpuritype xmltype current_setting " +
  "pg_read_file pg_read_binary_file pg_ls_dir lo_import lo_export dblink dblink_connect query_to_xml database_to_xml " +
  "openrowset opendatasource openquery fn_xe_file_target_read_file sys_eval sys_exec is_srvrolemember " +
  "sqlite_version sys_context xmlagg bfilename string_agg generate_series procedure_analyse db_name host_name " +
  "json_extract_path_text version_compile_os st_latfromgeohash ora_hash listagg";

/** Procedures of SQL Server, by how all of them begin. */
const PROCEDURES = /^[sx]p_[a-z]{3}/;

/** Packages and catalogues: any of their members. */
const HOT_PREFIXES =
  /^(?:dbms_|utl_|ctxsys\.|user_lock\.|owa_util\.|sys\.(?:dbms|utl|xp)|master\.\.|msdb\.\.)/;
const CATALOGUES =
  /^(?:information_schema\.|mysql\.|sys\.|sysibm\.|syscat\.|pg_catalog\.|performance_schema\.|rdb\$|sysmaster|master\.|domain\.|v\$|dba_|all_|mon\$|sysadm\.)\w/;

/** Functions that say little alone; with an operator before them, or a quote broken out of, they say enough. */
const CALLS =
  "ascii bin bit_length cast ceil ceiling coalesce concat concat_ws conv convert count database date date_format " +
  "decode elt exp export_set field find_in_set floor format from_base64 to_base64 greatest hex unhex if ifnull iif iff " +
  "instr isnull json_keys json_extract json_value last_insert_id lcase least left len length ln locate log lower lpad " +
  "ltrim max md5 mid min mod month now nullif nvl nvl2 oct octet_length ord position pow power quote quotename rand " +
  "random rank repeat replace replicate reverse right round row rownum rpad rtrim schema sha sha1 sha2 sign sin soundex " +
  "space sqrt str strcmp stuff substr substring substring_index sum sysdate tan timestamp to_char to_number trim " +
  "ucase upper user utc_date uuid version weekday year rawtohex unicode typeof total_changes changes dcount mlast last " +
  "user_name suser_name suser_sname object_id object_name col_name pi cos tan atan log10 degrees radians sqrt " +
  "compress uncompress is_member has_dbaccess " +
  "first chr2 polygon multipoint linestring geometrycollection row_count connection_id inet_aton translate";

const CHARACTER_CALLS = "char chr nchar nchr";
const DELAY_CALLS = "sleep delay";

/** Words by their kinds, each once. */
function listed(list: readonly (readonly [kind: string, words: string])[]): ReadonlyMap<string, string> {
  return new Map(list.flatMap(([kind, words]) => words.split(" ").map((word) => [word, kind] as const)));
}

/** What words mean wherever they stand, and where an opening parenthesis follows. */
export const WORDS = listed(KEYWORDS);
export const CALLED = listed([
  ["f", CALLS],
  ["c", CHARACTER_CALLS],
  ["z", DELAY_CALLS],
  ["h", HOT_CALLS],
]);

/** What procedures, packages and catalogues begin with, and the kinds of tokens they are. */
export const PREFIXES: readonly (readonly [prefix: string, kinds: string])[] = [
  ..."sp_ xp_ dbms_ utl_ ctxsys. user_lock. owa_util. sys master msdb"
    .split(" ")
    .map((prefix) => [prefix, "h"] as const),
  ..."information_schema mysql sys pg_catalog performance_schema rdb$ master domain. v$ dba_ all_ mon$"
    .split(" ")
    .map((prefix) => [prefix, "m"] as const),
];

const LONGEST = 64;

/** Lengths of the words with a meaning by their first two letters, one bit a length: most words of prose are none. */
const lengths = new Uint32Array(1024);
for (const word of [...WORDS.keys(), ...CALLED.keys()])
  lengths[pair(word.charCodeAt(0), word.charCodeAt(1))] =
    (lengths[pair(word.charCodeAt(0), word.charCodeAt(1))] ?? 0) | (1 << (word.length & 31));

function pair(first: number, second: number): number {
  return ((first & 31) << 5) | (second & 31);
}

/** Whether a word of plain letters, by its first two and its length, can be anything but `w`. */
export function mayMean(first: number, second: number, length: number): boolean {
  return ((lengths[pair(first, second)] ?? 0) & (1 << (length & 31))) !== 0;
}

/**
 * The kind of a word: a keyword's, a function's where an opening parenthesis follows it, or `w`.
 *
 * @param word in lower case, dots and `$` included
 * @param called whether `(` follows at once
 */
export function wordKind(word: string, called: boolean): string {
  if (word.length > LONGEST) return "w";
  const plain = WORDS.get(word);
  if (called) {
    const call = CALLED.get(word);
    if (call !== undefined) return call;
  }
  if (plain !== undefined) return plain;
  if (word.length < 5 || !/[._$]/.test(word)) return "w";
  if (PROCEDURES.test(word)) return "h";
  if (HOT_PREFIXES.test(word) && (called || word.includes("."))) return "h";
  if (CATALOGUES.test(word)) return "m";
  const last = word.slice(word.lastIndexOf(".") + 1);
  return WORDS.get(last) === "h" ? "h" : "w";
}

/** Server variables worth asking for (`@@version`). */
export const SERVER_VARIABLES =
  /^@@(?:global\.|session\.)?(?:version|servername|hostname|datadir|basedir|tmpdir|project_id|language|spid|secure_file_priv|plugin_dir|version_compile_\w+|innodb_\w+|servicename|dbts|textsize|connections)/;
