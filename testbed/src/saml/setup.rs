//! What the provider is configured with.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::{Account, Service};
use crate::Result;
use crate::error::At as _;
use crate::process::Spawn;

/// Of every account: nobody reaches the provider from elsewhere.
pub(super) const PASSWORD: &str = "a password for tests";

pub(super) fn entity_id(address: SocketAddr) -> String {
    format!("http://{address}/saml2/idp/metadata.php")
}

pub(super) fn write(
    directory: &Path,
    address: SocketAddr,
    accounts: &[Account],
    services: &[Service],
) -> Result<()> {
    for name in ["config", "metadata", "cert", "log", "data", "tmp"] {
        let path = directory.join(name);
        fs::create_dir(&path).at("make", &path)?;
    }
    for (name, text) in [
        ("config/config.php", config(directory, address)),
        ("config/authsources.php", people(accounts)),
        ("metadata/saml20-idp-hosted.php", HOSTED.to_owned()),
        ("router.php", ROUTER.to_owned()),
    ] {
        let path = directory.join(name);
        fs::write(&path, text).at("write", &path)?;
    }
    // rcgen's ring makes no RSA keys; PHP is here anyway.
    Spawn::new("php")
        .args(["-r", MAKE_KEY])
        .current_dir(directory.join("cert"))
        .run_ok()?;
    let path = directory.join("cert/server.crt");
    let certificate = fs::read_to_string(&path).at("read", &path)?;
    let path = directory.join("metadata/saml20-sp-remote.php");
    fs::write(&path, declared(services, &certificate)).at("write", &path)
}

/// A certificate that its own key has signed.
const MAKE_KEY: &str = r#"
    $key = openssl_pkey_new(['private_key_bits' => 2048, 'private_key_type' => OPENSSL_KEYTYPE_RSA]);
    $request = openssl_csr_new(['commonName' => 'idp.test'], $key);
    openssl_x509_export_to_file(openssl_csr_sign($request, null, $key, 365), 'server.crt');
    openssl_pkey_export_to_file($key, 'server.pem');
"#;

const HOSTED: &str = r"<?php
$metadata['__DYNAMIC:1__'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'server.pem',
    'certificate' => 'server.crt',
    'auth' => 'people',
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',
];
";

/// PHP's server takes `module.php/core/x.php` for a file that isn't there.
const ROUTER: &str = r#"<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (!preg_match('#^(/[a-z0-9/]*?[a-z0-9-]+\.php)(/.*)?$#i', $path, $parts)) { return false; }
$script = $_SERVER['DOCUMENT_ROOT'] . $parts[1];
if (!is_file($script)) { return false; }
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $parts[1];
$_SERVER['SCRIPT_FILENAME'] = $script;
$_SERVER['PATH_INFO'] = $parts[2] ?? '';
chdir(dirname($script));
require $script;
"#;

fn config(directory: &Path, address: SocketAddr) -> String {
    let directory = directory.display();
    format!(
        r"<?php
$config = [
    'baseurlpath' => 'http://{address}/',
    'certdir' => '{directory}/cert/',
    'loggingdir' => '{directory}/log/',
    'datadir' => '{directory}/data/',
    'tempdir' => '{directory}/tmp',
    'metadatadir' => '{directory}/metadata/',
    'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',
    'secretsalt' => 'only of this test',
    'auth.adminpassword' => 'nobody signs in as it',
    'technicalcontact_email' => 'nobody@example.org',
    'timezone' => 'UTC',
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'logging.handler' => 'errorlog',
    'logging.level' => 5,
    'session.cookie.secure' => false,
    'session.cookie.samesite' => null,
    'language.cookie.secure' => false,
    'language.cookie.samesite' => null,
    'store.type' => 'sql',
    'store.sql.dsn' => 'sqlite:{directory}/data/store.sq3',
    'metadata.sources' => [['type' => 'flatfile', 'directory' => '{directory}/metadata']],
    'admin.checkforupdates' => false,
];
"
    )
}

fn people(accounts: &[Account]) -> String {
    let mut text = "<?php\n$config = ['people' => ['exampleauth:UserPass',\n".to_owned();
    for account in accounts {
        let groups: Vec<String> = account.groups.iter().map(|one| literal(one)).collect();
        // Writing to a string can't fail.
        writeln!(
            text,
            "  {} => ['uid' => [{}], 'mail' => [{}], 'groups' => [{}]],",
            literal(&format!("{}:{PASSWORD}", account.name)),
            literal(account.name),
            literal(account.mail),
            groups.join(", "),
        )
        .ok();
    }
    text.push_str("]];\n");
    text
}

fn declared(services: &[Service], certificate: &str) -> String {
    let base64: String = certificate
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let mut text = "<?php\n".to_owned();
    for service in services {
        // Writing to a string can't fail.
        writeln!(
            text,
            "$metadata[{entity}] = ['AssertionConsumerService' => {acs}, 'NameIDFormat' => {format}, \
             'simplesaml.nameidattribute' => 'mail', 'saml20.sign.response' => {response}, \
             'saml20.sign.assertion' => {assertion}, 'signature.algorithm' => {algorithm}, \
             'assertion.encryption' => {encrypt}, 'certData' => '{base64}'];",
            entity = literal(&service.entity_id),
            acs = literal(&service.consumer),
            format = literal(service.name_id),
            response = service.sign_response,
            assertion = service.sign_assertion,
            algorithm = literal(service.algorithm),
            encrypt = service.encrypt,
        )
        .ok();
    }
    text
}

/// As PHP writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
