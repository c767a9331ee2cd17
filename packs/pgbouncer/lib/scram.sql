-- The SCRAM verifier (RFC 5803) of a password that is not UTF-8 and so cannot be
-- part of an SQL statement; the server's clients can log in with it all the same.

CREATE FUNCTION pg_temp.xor(a bytea, b bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT substring(varbit_send(('x' || encode(a, 'hex'))::varbit # ('x' || encode(b, 'hex'))::varbit) FROM 5)
$$;

CREATE FUNCTION pg_temp.hmac(key bytea, message bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    block bytea := CASE WHEN length(key) > 64 THEN sha256(key) ELSE key END;
BEGIN
    block := block || decode(repeat('00', 64 - length(block)), 'hex');
    RETURN sha256(pg_temp.xor(block, decode(repeat('5c', 64), 'hex'))
        || sha256(pg_temp.xor(block, decode(repeat('36', 64), 'hex')) || message));
END
$$;

CREATE FUNCTION pg_temp.scram_verifier(password bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    iterations CONSTANT int := 4096;
    salt bytea := uuid_send(gen_random_uuid());
    u bytea := pg_temp.hmac(password, salt || '\x00000001');
    salted bytea := u;
BEGIN
    FOR i IN 2 .. iterations LOOP
        u := pg_temp.hmac(password, u);
        salted := pg_temp.xor(salted, u);
    END LOOP;
    RETURN format('SCRAM-SHA-256$%s:%s$%s:%s', iterations, encode(salt, 'base64'),
        encode(sha256(pg_temp.hmac(salted, 'Client Key')), 'base64'),
        encode(pg_temp.hmac(salted, 'Server Key'), 'base64'));
END
$$;

