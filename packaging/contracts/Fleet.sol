// SPDX-License-Identifier: LGPL-2.1-or-later
pragma solidity ^0.8.30;

/// @title The records of a fleet, as kedge reads them
/// @notice One map at storage slot 0 holds every record. kedge proves its entries against the chain
/// and asks this contract nothing: whoever can change that map can change the fleet, so the rest of
/// this file is about who may, and about leaving a trace when they do.
/// @dev Storage layout is an interface: `records` stays at slot 0, everything else stands behind it,
/// and there is no proxy, for a proxy's owner could move it. Compiled for Constantinople, the rules
/// that Diode's chain has; nothing newer is used, so the same bytes run on Ethereum.
///
/// A key text is `server_ip` for the zone's apex and `pump1.server_ip` for the host pump1. Up to 32
/// bytes it is its own key, padded with zero bytes on the right; a longer one's key is its Keccak-256.
/// `_user.alice.device`, `.ssh` and `.role` say who may log in, `_host.pump1.role` on what hosts.
contract Fleet {
    /// @notice Slot 0. A zero value is an absent record.
    mapping(bytes32 => bytes32) public records;

    /// @notice Slot 1. May do everything, and alone manages operators.
    address public owner;

    /// @notice Slot 2. To whom ownership is offered; it moves when they accept.
    address public pendingOwner;

    /// @notice Slot 3. What an operator may do: a sum of the ROLE_ constants.
    mapping(address => uint256) public roles;

    /// @notice Slot 4. A host's place in the list of members, counted from 1; 0: not a member.
    mapping(bytes32 => uint256) public memberPlace;

    /// @notice Slot 5. How often a host was removed. Rights over a host end with its membership, so
    /// they are kept under both.
    mapping(bytes32 => uint256) public removals;

    /// @dev Slot 6. Keccak-256(host, removals) => operator => may set this host's records.
    mapping(bytes32 => mapping(address => bool)) private hostRights;

    /// @notice May set and clear any record.
    uint256 public constant ROLE_RECORDS = 1;
    /// @notice May add hosts, and remove them with all their records.
    uint256 public constant ROLE_MEMBERS = 2;
    /// @notice May take records away, and add none: for who must be able to revoke at once.
    uint256 public constant ROLE_REVOKE = 4;
    /// @notice May set the records of users, and take them away; no other record.
    uint256 public constant ROLE_USERS = 8;

    uint256 private constant ROLES_ALL = ROLE_RECORDS | ROLE_MEMBERS | ROLE_REVOKE | ROLE_USERS;

    /// @notice kedge reads no more members than this.
    uint256 public constant MEMBERS_MAX = 16384;
    /// @notice Of records in one transaction.
    uint256 public constant BATCH_MAX = 256;
    /// @notice Of a key text in bytes.
    uint256 public constant TEXT_MAX = 1024;

    bytes32 private constant MEMBERS = "_members";

    event RecordChanged(bytes32 indexed key, bytes32 value, address indexed by);
    event MemberAdded(bytes32 indexed host, uint256 members, address indexed by);
    event MemberRemoved(bytes32 indexed host, uint256 members, address indexed by);
    event OperatorChanged(address indexed operator, uint256 roles);
    event HostOperatorChanged(bytes32 indexed host, address indexed operator, bool allowed);
    event OwnershipOffered(address indexed owner, address indexed to);
    event OwnershipTransferred(address indexed from, address indexed to);

    error NotAllowed(address who);
    error NotOwner(address who);
    error NoSuchRole(uint256 roles);
    error ReservedKey(bytes32 key);
    error LengthsDiffer(uint256 keys, uint256 values);
    error BatchTooLong(uint256 count);
    error BadText(string text);
    error BadHost(string host);
    error BadUser(string user);
    error BadField(string field);
    error AlreadyMember(string host);
    error NotMember(string host);
    error TooManyMembers();
    error NothingToPromote(string host, string field);

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    modifier only(uint256 role) {
        if (!_has(msg.sender, role)) revert NotAllowed(msg.sender);
        _;
    }

    constructor() {
        owner = msg.sender;
        emit OwnershipTransferred(address(0), msg.sender);
    }

    // Records by key.

    /// @notice Sets one record.
    function set(bytes32 key, bytes32 value) external only(ROLE_RECORDS) {
        _put(key, value);
    }

    /// @notice Sets records; all of them, or none.
    function setMany(bytes32[] calldata keys, bytes32[] calldata values) external only(ROLE_RECORDS) {
        if (keys.length != values.length) revert LengthsDiffer(keys.length, values.length);
        if (keys.length > BATCH_MAX) revert BatchTooLong(keys.length);
        for (uint256 i = 0; i < keys.length; i++) _put(keys[i], values[i]);
    }

    /// @notice Takes one record away.
    function clear(bytes32 key) external only(ROLE_RECORDS | ROLE_REVOKE) {
        _put(key, 0);
    }

    /// @notice Takes records away.
    function clearMany(bytes32[] calldata keys) external only(ROLE_RECORDS | ROLE_REVOKE) {
        if (keys.length > BATCH_MAX) revert BatchTooLong(keys.length);
        for (uint256 i = 0; i < keys.length; i++) _put(keys[i], 0);
    }

    // Records by host. The empty host is the zone's apex.

    /// @notice Sets fields of a member, or of the apex. Also for who has rights over this host alone.
    function setHost(string calldata host, string[] calldata fields, bytes32[] calldata values) external {
        _checkMayWrite(host);
        _setHost(host, fields, values);
    }

    /// @notice Publishes the value that `field` will have: kedge accepts both until it is promoted.
    function publishNext(string calldata host, string calldata field, bytes32 value) external {
        _checkMayWrite(host);
        _put(keyOf(string.concat(_text(host, field), "_next")), value);
    }

    /// @notice Makes the published value the field's own, and forgets the old one. Do this when the
    /// new key is in use and the block that published it is final.
    function promote(string calldata host, string calldata field) external {
        _checkMayWrite(host);
        if (!_promote(_text(host, field))) revert NothingToPromote(host, field);
    }

    /// @notice Takes away all key fields of a host or of the apex, published ones included: nobody who
    /// holds one of its keys is believed any more. Where it is reached stays.
    function revokeHost(string calldata host) external only(ROLE_RECORDS | ROLE_REVOKE) {
        if (bytes(host).length > 0) _checkHost(host);
        _clearKeyFields(host);
    }

    // Who may log in. Users are no members: nothing lists them, and each host says for itself whose
    // logins it judges by these records.

    /// @notice Sets fields of a user: `device`, `ssh`, `role`, or what is published of them, `device_next`
    /// and so on. A zero takes one away.
    function setUser(string calldata user, string[] calldata fields, bytes32[] calldata values)
        external
        only(ROLE_RECORDS | ROLE_USERS)
    {
        string memory prefix = _userPrefix(user);

        if (fields.length != values.length) revert LengthsDiffer(fields.length, values.length);
        if (fields.length > BATCH_MAX) revert BatchTooLong(fields.length);
        for (uint256 i = 0; i < fields.length; i++) {
            if (!_isUserField(fields[i])) revert BadField(fields[i]);
            _put(keyOf(string.concat(prefix, fields[i])), values[i]);
        }
    }

    /// @notice Makes the published value of a user's field the field's own, and forgets the old one.
    function promoteUser(string calldata user, string calldata field) external only(ROLE_RECORDS | ROLE_USERS) {
        string memory prefix = _userPrefix(user);

        if (!_isUserField(string.concat(field, "_next"))) revert BadField(field);
        if (!_promote(string.concat(prefix, field))) revert NothingToPromote(user, field);
    }

    /// @notice Takes away all that there is of a user, published values included. His role goes with his
    /// keys: it alone would let him in where a password is asked for.
    function revokeUser(string calldata user) external only(ROLE_RECORDS | ROLE_USERS | ROLE_REVOKE) {
        string memory prefix = _userPrefix(user);

        for (uint256 i = 0; i < USER_FIELDS; i++) _clear(string.concat(prefix, _userField(i)));
    }

    /// @notice Sets the bits of a member, or of the apex: roles that are for hosts with one of these alone
    /// are good there. Not for who has rights over this host: these say who logs in to it.
    function setHostRole(string calldata host, bytes32 bits) external only(ROLE_RECORDS) {
        if (bytes(host).length > 0 && memberPlace[_checkHost(host)] == 0) revert NotMember(host);
        _put(keyOf(_hostRole(host)), bits);
    }

    // Members. `_members` holds their number, `_member.0` and so on their names.

    /// @notice Adds a host to the list, and sets its first records.
    function addHost(string calldata host, string[] calldata fields, bytes32[] calldata values)
        external
        only(ROLE_MEMBERS)
    {
        bytes32 name = _checkHost(host);
        uint256 count = memberCount();

        if (memberPlace[name] != 0) revert AlreadyMember(host);
        if (count >= MEMBERS_MAX) revert TooManyMembers();
        if (fields.length > 0 && !_has(msg.sender, ROLE_RECORDS)) revert NotAllowed(msg.sender);
        _write(_memberKey(count), name);
        _write(MEMBERS, bytes32(count + 1));
        memberPlace[name] = count + 1;
        emit MemberAdded(name, count + 1, msg.sender);
        _setHost(host, fields, values);
    }

    /// @notice Removes a host from the list with every field that kedge knows of. The last of the list
    /// takes its place.
    function removeHost(string calldata host) external only(ROLE_MEMBERS) {
        bytes32 name = _checkHost(host);
        uint256 place = memberPlace[name];
        uint256 count = memberCount();

        if (place == 0) revert NotMember(host);
        bytes32 lastKey = _memberKey(count - 1);
        bytes32 last = records[lastKey];
        if (last != name) {
            _write(_memberKey(place - 1), last);
            memberPlace[last] = place;
        }
        _write(lastKey, 0);
        _write(MEMBERS, bytes32(count - 1));
        memberPlace[name] = 0;
        removals[name]++;
        emit MemberRemoved(name, count - 1, msg.sender);
        _clearKeyFields(host);
        _clearLocationFields(host);
        _clear(_hostRole(host));
        _clear(string.concat(_hostRole(host), "_next"));
    }

    /// @notice Of members.
    function memberCount() public view returns (uint256) {
        return uint256(records[MEMBERS]);
    }

    // Who may what.

    /// @notice Gives an operator exactly these roles; 0 takes all away.
    function setOperator(address operator, uint256 newRoles) external onlyOwner {
        if (newRoles & ~ROLES_ALL != 0) revert NoSuchRole(newRoles);
        roles[operator] = newRoles;
        emit OperatorChanged(operator, newRoles);
    }

    /// @notice Lets an operator set the records of one member, or no longer. Ends when the host is removed.
    function setHostOperator(string calldata host, address operator, bool allowed) external onlyOwner {
        bytes32 name = _checkHost(host);
        if (memberPlace[name] == 0) revert NotMember(host);
        hostRights[_scope(name)][operator] = allowed;
        emit HostOperatorChanged(name, operator, allowed);
    }

    /// @notice Whether this operator has rights over this host alone.
    function isHostOperator(string calldata host, address operator) external view returns (bool) {
        return hostRights[_scope(_checkHost(host))][operator];
    }

    /// @notice Offers ownership; nothing changes until the other accepts. Zero withdraws the offer.
    function offerOwnership(address to) external onlyOwner {
        pendingOwner = to;
        emit OwnershipOffered(owner, to);
    }

    /// @notice Takes what was offered.
    function acceptOwnership() external {
        if (msg.sender != pendingOwner) revert NotOwner(msg.sender);
        emit OwnershipTransferred(owner, msg.sender);
        owner = msg.sender;
        pendingOwner = address(0);
    }

    // Keys.

    /// @notice The key of a key text: what kedge looks up for `pump1.server_ip`.
    function keyOf(string memory text) public pure returns (bytes32 key) {
        bytes memory b = bytes(text);

        if (b.length == 0 || b.length > TEXT_MAX) revert BadText(text);
        for (uint256 i = 0; i < b.length; i++) {
            if (b[i] < 0x21 || b[i] > 0x7e) revert BadText(text);
        }
        return b.length <= 32 ? bytes32(b) : keccak256(b);
    }

    /// @dev Every role includes nothing but itself; the owner has all.
    function _has(address who, uint256 role) private view returns (bool) {
        return who == owner || roles[who] & role != 0;
    }

    /// @dev The list of members is written by addHost() and removeHost() alone, or it would not be one.
    function _put(bytes32 key, bytes32 value) private {
        if (bytes7(key) == "_member") revert ReservedKey(key);
        _write(key, value);
    }

    function _write(bytes32 key, bytes32 value) private {
        records[key] = value;
        emit RecordChanged(key, value, msg.sender);
    }

    function _setHost(string calldata host, string[] calldata fields, bytes32[] calldata values) private {
        if (fields.length != values.length) revert LengthsDiffer(fields.length, values.length);
        if (fields.length > BATCH_MAX) revert BatchTooLong(fields.length);
        for (uint256 i = 0; i < fields.length; i++) _put(keyOf(_text(host, fields[i])), values[i]);
    }

    /// @dev The apex is there without being added, and is for those who may set any record.
    function _checkMayWrite(string calldata host) private view {
        bool any = _has(msg.sender, ROLE_RECORDS);

        if (bytes(host).length == 0) {
            if (!any) revert NotAllowed(msg.sender);
            return;
        }
        bytes32 name = _checkHost(host);
        if (!any && !hostRights[_scope(name)][msg.sender]) revert NotAllowed(msg.sender);
        if (memberPlace[name] == 0) revert NotMember(host);
    }

    function _scope(bytes32 name) private view returns (bytes32) {
        return keccak256(abi.encode(name, removals[name]));
    }

    /// @dev A field holds no dot: with one, rights over the host `pump1` would reach the host `pump1.b`.
    function _text(string calldata host, string memory field) private pure returns (string memory) {
        bytes memory f = bytes(field);

        for (uint256 i = 0; i < f.length; i++) {
            if (f[i] == ".") revert BadText(field);
        }
        if (f.length == 0) revert BadText(field);
        return bytes(host).length == 0 ? field : string.concat(host, ".", field);
    }

    /// @dev Lower-case letters, digits and hyphens in labels that neither begin nor end in one, as kedge
    /// has it; at most 32 bytes, for a member's name is a record.
    function _checkHost(string calldata host) private pure returns (bytes32) {
        bytes calldata b = bytes(host);
        bytes1 before = ".";

        if (b.length == 0 || b.length > 32) revert BadHost(host);
        for (uint256 i = 0; i < b.length; i++) {
            bytes1 c = b[i];
            bool word = (c >= "a" && c <= "z") || (c >= "0" && c <= "9");

            if (!word && (c != "." || before == "." || before == "-") && (c != "-" || before == ".")) revert BadHost(host);
            before = c;
        }
        if (before == "." || before == "-") revert BadHost(host);
        return bytes32(b);
    }

    function _memberKey(uint256 i) private pure returns (bytes32) {
        bytes memory digits;

        do {
            digits = abi.encodePacked(bytes1(uint8(48 + (i % 10))), digits);
            i /= 10;
        } while (i > 0);
        return bytes32(abi.encodePacked("_member.", digits));
    }

    function _promote(string memory text) private returns (bool) {
        bytes32 next = keyOf(string.concat(text, "_next"));
        bytes32 value = records[next];

        if (value == 0) return false;
        _put(keyOf(text), value);
        _put(next, 0);
        return true;
    }

    function _clear(string memory text) private {
        bytes32 key = keyOf(text);

        if (records[key] != 0) _put(key, 0);
    }

    /// @dev A small letter or an underscore first, then also digits and hyphens; at most 32 bytes, and
    /// never a dot: with one, two users would have the same record.
    function _userPrefix(string calldata user) private pure returns (string memory) {
        bytes calldata b = bytes(user);

        if (b.length == 0 || b.length > 32) revert BadUser(user);
        for (uint256 i = 0; i < b.length; i++) {
            bytes1 c = b[i];

            if ((c < "a" || c > "z") && c != "_" && (i == 0 || ((c < "0" || c > "9") && c != "-"))) revert BadUser(user);
        }
        return string.concat("_user.", user, ".");
    }

    uint256 private constant USER_FIELDS = 6;

    function _userField(uint256 i) private pure returns (string memory) {
        string[USER_FIELDS] memory names = ["device", "device_next", "ssh", "ssh_next", "role", "role_next"];

        return names[i];
    }

    function _isUserField(string memory field) private pure returns (bool) {
        for (uint256 i = 0; i < USER_FIELDS; i++) {
            if (keccak256(bytes(field)) == keccak256(bytes(_userField(i)))) return true;
        }
        return false;
    }

    function _hostRole(string calldata host) private pure returns (string memory) {
        return bytes(host).length == 0 ? "_host.role" : string.concat("_host.", host, ".role");
    }

    function _clearField(string calldata host, string memory field) private {
        _clear(_text(host, field));
    }

    function _clearKeyFields(string calldata host) private {
        _clearField(host, "signature");
        _clearField(host, "signature_next");
        _clearField(host, "device");
        _clearField(host, "device_next");
        _clearField(host, "wg_key");
        _clearField(host, "wg_key_next");
        _clearField(host, "ssh_host");
        _clearField(host, "ssh_host_next");
        _clearField(host, "role");
        _clearField(host, "role_next");
    }

    function _clearLocationFields(string calldata host) private {
        _clearField(host, "server_ip");
        _clearField(host, "server_ip6");
        _clearField(host, "port");
        _clearField(host, "wg_endpoint");
        _clearField(host, "wg_port");
        _clearField(host, "wg_ip");
    }
}
